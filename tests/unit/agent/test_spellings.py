"""Data spaces that refuse names, cannot tell some apart, or show them otherwise: all is saved, and all comes back."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent.plan.names import joined
from cloudify_scipion.agent.ports.calls import Told
from cloudify_scipion.agent.ports.read_tree import Folder
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.faults import Killed
from tests.unit.agent.restored import differences
from tests.unit.agent.rig import Rig, contents

NFC, NFD = (unicodedata.normalize(form, "gr\u00f6\u00dfe") for form in ("NFC", "NFD"))
DEEP = "/".join("abcdefgh")
FILES = {
    "Map.mrc": b"big", "map.mrc": b"small", "Same": b"same", "same": b"same", "Runs/a": b"a", "runs/b": b"b",
    "runs/a": b"other a", f"{NFC}/x": b"composed", f"{NFD}/x": b"decomposed", f"{NFD}/y": b"alone",
    "run 10:20:31": b"t", "what? *": b"?", "dot.": b"dot.", "dot": b"dot", "blank ": b"blank ", "n" * 200: b"long",
    DEEP: b"deep", "CON": b"con", os.fsdecode(b"latin-\xe9"): b"latin", "two\nlines": b"lines",
    "Plain/.hidden": b"plain",
}  # fmt: skip
Spelling = Callable[[bytes], bytes]


def _text(change: Callable[[str], str]) -> Spelling:
    return lambda name: os.fsencode(change(os.fsdecode(name)))


@dataclass(frozen=True)
class Kind:
    """Names that are `one` are the same there; `shown` is how a new one is listed."""

    one: Spelling = bytes
    shown: Spelling = bytes
    refused: bytes = b""
    longest: int = 255
    deepest: int = 100
    links: bool = True
    tick: int = 1
    earliest: int = -(2**63)
    late: bool = False
    """Whether a file shows the time that it was told until it is closed."""
    moved: bool = False
    hidden: bool = False
    """Whether our own folder is none of it, so that no trial finds it out."""


LOWER, NFC_FORM, NFD_FORM = (
    _text(str.lower),
    _text(lambda name: unicodedata.normalize("NFC", name)),
    _text(lambda name: unicodedata.normalize("NFD", name)),
)
STRIPPED: Spelling = lambda name: name.rstrip(b" .") or name  # noqa: E731
EACH: Spelling = lambda name: LOWER(STRIPPED(NFC_FORM(name)))  # noqa: E731
KINDS = {
    "case": Kind(one=LOWER),
    "lower case": Kind(one=LOWER, shown=LOWER),
    "NFC": Kind(one=NFC_FORM, shown=NFC_FORM),
    "NFD": Kind(one=NFC_FORM, shown=NFD_FORM),
    "either form": Kind(one=NFC_FORM),
    "characters": Kind(refused=b':?*"<>|\\'),
    "dots": Kind(one=STRIPPED, shown=STRIPPED),
    "length": Kind(longest=143),
    "depth": Kind(deepest=5),
    "two seconds": Kind(tick=2_000_000_000),
    "from 1970": Kind(earliest=0),
    "one second": Kind(tick=1_000_000_000),
    "two seconds, later": Kind(tick=2_000_000_000, late=True),
    "minutes": Kind(tick=60_000_000_000),
    "times of renamed": Kind(moved=True),
    "no links": Kind(links=False),
    "all": Kind(EACH, STRIPPED, b':?*"<>|\\', 143, 5, links=False, tick=2_000_000_000, moved=True),
}  # fmt: skip


class Spelled(Tree):
    """A data space of some kind."""

    def __init__(self, path: str, kind: Kind) -> None:
        super().__init__(path)
        self.kind = kind
        self._one_at_a_time = threading.RLock()
        """A name is looked up and made in one step, as real file systems do."""

    def _real(self, path: bytes) -> bytes:
        found = b""
        ours = self.kind.hidden and path.startswith(b".cloudify")
        if not ours and path.count(b"/") > self.kind.deepest:
            raise OSError(errno.ENAMETOOLONG, "too deep", os.fsdecode(path))
        for name in path.split(b"/") if path else ():
            found = joined(found, name if ours else self._name(os.path.join(self.path, found), name))  # noqa: PTH118
        return found

    def _name(self, folder: bytes, name: bytes) -> bytes:
        if set(name) & set(self.kind.refused):
            raise OSError(errno.EINVAL, "Invalid argument", os.fsdecode(name))
        if len(name) > self.kind.longest:
            raise OSError(errno.ENAMETOOLONG, "File name too long", os.fsdecode(name))
        there = os.listdir(folder) if os.path.isdir(folder) else []  # noqa: PTH112, PTH208 - bytes
        return next((one for one in there if self.kind.one(one) == self.kind.one(name)), self.kind.shown(name))

    def at(self, path: bytes) -> tuple[Folder, bytes]:
        return super().at(self._real(path))

    def folder(self, path: bytes) -> Folder:
        return super().folder(self._real(path))

    def symlink(self, target: bytes, path: bytes) -> None:
        if not self.kind.links:
            raise OSError(errno.EPERM, "no links here")
        with self._one_at_a_time:
            super().symlink(target, path)

    def set_times(self, fd: int, mtime: int) -> None:
        if mtime < self.kind.earliest:
            raise OSError(errno.EINVAL, "no such time here")
        super().set_times(fd, mtime if self.kind.late else mtime // self.kind.tick * self.kind.tick)

    def close(self, fd: int) -> None:
        if self.kind.late:
            super().set_times(fd, os.fstat(fd).st_mtime_ns // self.kind.tick * self.kind.tick)
        super().close(fd)

    def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
        with self._one_at_a_time:
            super().rename(old, new, replace)
            above, name = self.at(new)
            if self.kind.moved:
                os.utime(name, dir_fd=above.fd, follow_symlinks=False)

    def create(self, path: bytes, mode: int = 0o600) -> int:
        with self._one_at_a_time:
            return super().create(path, mode)

    def mkdir(self, path: bytes, mode: int = 0o755) -> bool:
        with self._one_at_a_time:
            return super().mkdir(path, mode)


def _rig(root: Path, space: Path, kind: Kind, tree: Callable[[str, Kind], Tree] = Spelled, **named: Any) -> Rig:
    return Rig(root, space, trees=lambda path: tree(path, kind) if path == str(space) else Tree(path), **named)


@pytest.mark.parametrize("hidden", [False, True], ids=["tried", "not tried"])
@pytest.mark.parametrize("name", KINDS)
def test_all_is_saved_sealed_and_comes_back(name: str, hidden: bool, tmp_path: Path) -> None:
    kind = replace(KINDS[name], hidden=hidden)
    rig = _rig(tmp_path / "volume", tmp_path / "space", kind)
    rig.pull()
    for path, content in FILES.items():
        rig.write(path, content)
    rig.write("old", b"old", age=3e9)
    (rig.user / "Empty").mkdir()
    (rig.user / "empty").mkdir()
    (rig.user / "Link").symlink_to("map.mrc")
    _save(rig)
    for path in ("Map.mrc", "map.mrc", f"{NFD}/x", "dot.", "n" * 200, DEEP):
        rig.write(path, b"another content of " + os.fsencode(path), age=60)
    (rig.user / "Plain").rename(rig.user / "plain")
    (rig.user / "CON").rename(rig.user / "con")
    _save(rig)
    (rig.user / "Map.mrc").unlink()
    (rig.user / "map.mrc").rename(rig.user / "MAP.mrc")
    (rig.user / "dot").unlink()
    (rig.user / "runs").rename(rig.user / "moved")
    (rig.user / "Link").unlink()
    _save(rig)
    rig.seal()
    new = _rig(tmp_path / "new", tmp_path / "space", kind, machine="m2", generation=2)
    new.pull()
    assert differences(rig.user, new.user) == []
    new.write("more", b"more")
    _save(new)
    new.seal()


def _save(rig: Rig) -> None:
    before = rig.local()
    rig.push()
    assert rig.push().files == 0
    found = rig.scan()
    assert (found.files, found.conflicts, found.lost) == (0, 0, 0)
    assert rig.push().files == 0
    assert rig.verify_all().wrong == []
    assert rig.local() == before
    rig.clock.pass_time(300)


class Reading(Spelled):
    """It is known which contents were read; a ctime says nothing."""

    read: list[bytes] = []  # noqa: RUF012

    def open(self, path: bytes) -> int:
        self.read.append(path)
        return super().open(path)

    def open_with_facts(self, path: bytes) -> tuple[int, os.stat_result]:
        self.read.append(path)
        return super().open_with_facts(path)

    def told(self, path: bytes) -> Told | None:
        told = super().told(path)
        return told and told._replace(ctime=0)


@pytest.mark.parametrize("name", ["two seconds", "two seconds, later", "one second", "minutes"])
def test_a_coarse_time_is_no_change(name: str, tmp_path: Path) -> None:
    """Nothing is saved again, asked about or read for it, neither here nor by the next machine."""
    rig = _rig(tmp_path / "volume", tmp_path / "space", KINDS[name], Reading)
    rig.pull()
    for number in range(10):
        rig.write(f"Runs/{number}", b"content", age=100_000.123456789 + number)
    rig.write("just now", age=0.123456789)
    rig.push()
    Reading.read = []
    rig.clock.pass_time(3600)
    rig.scan()
    assert rig.push().files == 0
    assert [path for path in Reading.read if path.startswith(b"Runs")] == []
    assert rig.questions() == [] and rig.alarms() == []
    new = _rig(tmp_path / "new", tmp_path / "space", KINDS[name], Reading, machine="m2", generation=2)
    began = new.clock.elapsed()
    new.pull()
    assert new.clock.elapsed() == began, "what we put there is no upload that may go on: no second look"
    assert differences(rig.user, new.user) == []
    assert new.push().files == 0


@pytest.mark.parametrize("name", ["two seconds", "minutes"])
def test_a_change_within_one_step_of_a_coarse_time_is_found(name: str, tmp_path: Path) -> None:
    """Where size and time are the same, and the time is so young that it says nothing yet."""
    rig = _rig(tmp_path / "volume", tmp_path / "space", KINDS[name], Reading)
    step = KINDS[name].tick // 1_000_000_000
    began = time.time() // step * step
    rig.pull()
    rig.write("map", b"ours", age=time.time() - began - step / 2)
    rig.clock.ahead = began + step * 3 / 4 - time.time()
    rig.push()
    facts = (rig.space / "map").stat()
    (rig.space / "map").write_bytes(b"them")
    os.utime(rig.space / "map", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    rig.clock.pass_time(3600)
    rig.scan()
    assert b"them" in rig.local().values(), "not taken for ours"
    assert rig.local()["map"] == b"ours"


class Looking(Spelled):
    """It can only look first and rename then; two that do so at the same time both find the place free."""

    meet = threading.Barrier(2, timeout=0.3)

    def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
        if not replace and self.stat(new) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(new))
        if new.lower().endswith(b"map.mrc"):
            with contextlib.suppress(threading.BrokenBarrierError):
                self.meet.wait()
        super().rename(old, new, replace=True)


@pytest.mark.parametrize("hidden", [False, True], ids=["tried", "not tried"])
def test_two_at_once_replace_nothing_where_one_name_stands_for_both(hidden: bool, tmp_path: Path) -> None:
    """Neither when they are put in their places nor when they go to the trash."""
    kind, files = replace(KINDS["case"], hidden=hidden), {"Map.mrc": b"big", "map.mrc": b"small"}
    space = tmp_path / "space"
    rig = _rig(tmp_path / "volume", space, kind, Looking)
    rig.pull()
    for path, content in files.items():
        Looking.meet.reset()
        rig.write(path, content)
    rig.push()
    assert rig.verify_all().wrong == []
    assert set(files.values()) <= set(contents(space, hidden=True).values())
    for path in files:
        (rig.user / path).unlink()
    Looking.meet.reset()
    rig.write("other")
    rig.push()
    if rig.questions():
        rig.answer("deletions", "delete")
        Looking.meet.reset()
        rig.push()
    assert sorted(rig.trash().values()) == sorted(files.values())


@pytest.mark.parametrize("old", ["Map.mrc", "Runs"])
def test_a_rename_in_case_only_is_a_rename(old: str, tmp_path: Path) -> None:
    rig = _rig(tmp_path / "volume", tmp_path / "space", KINDS["case"])
    rig.pull()
    rig.write("Map.mrc", b"big")
    rig.write("Runs/a", b"a")
    rig.push()
    (rig.user / old).rename(rig.user / old.lower())
    result = rig.push()
    assert (result.moved, result.files, result.deleted) == (1, 0, 0)
    assert rig.saved() == rig.local() and rig.trash() == {}


@pytest.mark.parametrize("at", [1, 2])
def test_killed_between_the_two_steps_of_such_a_rename(at: int, tmp_path: Path) -> None:
    rig = _rig(tmp_path / "volume", tmp_path / "space", KINDS["case"])
    rig.pull()
    rig.write("Map.mrc", b"big")
    rig.write("other", b"other")
    rig.push()
    (rig.user / "Map.mrc").rename(rig.user / "map.mrc")
    left = [at]

    class Dying(Spelled):
        def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
            super().rename(old, new, replace)
            if not new.startswith(b".cloudify"):
                left[0] -= 1
                if left[0] == 0:
                    raise Killed

    plain, rig.trees = rig.trees, lambda path: Dying(path, KINDS["case"]) if path == str(rig.space) else Tree(path)
    with pytest.raises(Killed):
        rig.push()
    assert b"big" in rig.saved().values(), "wherever a new machine looks"
    rig.trees = plain
    rig.push()
    rig.scan()
    rig.push()
    assert rig.saved() == rig.local() == {"map.mrc": b"big", "other": b"other"}
