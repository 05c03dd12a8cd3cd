"""One call fails for ever for one path, with any error, on either side, in any work: that path is all that it costs."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.ports.tree import Tree
from tests.seeds import sample
from tests.unit.agent.broken import BY_DESCRIPTOR, BY_PATH, Broken
from tests.unit.agent.rig import Rig, contents

ERRORS = (
    errno.EIO, errno.EACCES, errno.EINVAL, errno.ENOSPC, errno.EROFS, errno.ESTALE, errno.EDQUOT, errno.ENAMETOOLONG,
    errno.EOVERFLOW, errno.EXDEV, errno.EPERM, errno.ENOTDIR, errno.EBUSY, errno.ENOTCONN, errno.EFBIG, errno.ELOOP,
)  # fmt: skip
MARK, MEMORY = b"BAD content", "/dev/shm"  # noqa: S108 - where there is one
PLACES = ("bad/file", "folder/bad", "bad", "deleted", "gone/deeper", "link", "moved", "original", "fresh",
          "empty folder")  # fmt: skip
"""Paths of the project that are refused, one after the other: in a folder of its own, among others, deleted, moved."""


def begin(folder: Path) -> Rig:
    """A project with all kinds of changes waiting; whatever has a place in PLACES has content that begins with MARK."""
    rig = Rig(folder / "volume", folder / "space", workers=1)
    rig.web("original", MARK + b" original", age=5000)
    rig.web("others/original", b"theirs", age=5000)
    rig.pull()
    for name in ("bad/file", "folder/bad", "deleted", "gone/deeper", "to be moved"):
        rig.write(name, MARK + name.encode())
    for number in range(6):
        rig.write(f"old/{number}", f"old {number}")
    rig.push()
    rig.write("bad/file", MARK + b"changed", age=60)
    rig.write("bad/new", MARK + b"new")
    rig.write("folder/bad", MARK + b"too", age=60)
    (rig.user / "deleted").unlink()
    shutil.rmtree(rig.user / "gone")
    (rig.user / "to be moved").rename(rig.user / "moved")
    (rig.user / "link").symlink_to("nowhere")
    (rig.user / "empty folder").mkdir()
    rig.write("fresh/deep/one", MARK + b"one in a folder that is new")
    rig.write("original", MARK + b"flipped", age=60)
    for number in range(6):
        rig.write(f"good/{number}", f"good {number}")
    rig.write("old/1", b"changed", age=60)
    (rig.user / "old/2").unlink()
    return rig


def on(rig: Rig, side: str, broken: Broken) -> Rig:
    sick = str(rig.user if side == "here" else rig.space)
    return replace(rig, trees=lambda path: broken.tree(path) if path == sick else Tree(path))


def attempt(do: Callable[[], object]) -> AgentError | None:
    """What a work says; any other error ends the test."""
    try:
        do()
    except AgentError as error:
        return error
    return None


def concerned(path: str, place: str) -> bool:
    return path == place or path.startswith(place + "/")


def lies_oddly(rig: Rig, content: bytes) -> bool:
    """Whether the data space has it under a name that it does not refuse."""
    return content in contents(rig.space / ".cloudify-scipion/odd", hidden=True).values()


def check(rig: Rig, side: str, broken: Broken, place: str) -> None:
    """Everything else is saved, and what is not is named; once all is well again, so is everything."""
    label = f"{side} {broken.call} {os.strerror(broken.error)} {place}"
    sick, said = on(rig, side, broken), []
    for _ in range(2):
        for work in (sick.push, sick.scan, sick.verify_all):
            said.append(attempt(work))
            rig.clock.pass_time(300)
    wanted, saved = rig.local(), rig.saved()
    lacking = [path for path, content in wanted.items() if saved.get(path) != content and not lies_oddly(rig, content)]
    undone = [path for path in saved if path not in wanted and not concerned(path, place)]
    assert [path for path in lacking if not concerned(path, place)] == [], (label, lacking, said)
    unlisted = side == "here" and broken.call == "entries" and broken.hit  # then nothing is deleted, which is told
    assert undone == [] or unlisted, (label, undone, said)
    if lacking:
        assert any(error is not None and place in error.what for error in said), (label, said)
        assert said[3] is not None, f"the push says so: {label}"
    sealed = attempt(sick.seal)
    if sealed is None:
        assert lacking == [], f"sealed: {label}"
    assert {path: rig.local().get(path) for path in wanted} == wanted, label
    for _ in range(3):
        rig.clock.pass_time(86400)
        attempt(rig.push)
        attempt(rig.scan)
    rig.push()
    assert rig.verify_all().wrong == [], label
    saved = rig.saved()
    there = [path for path, content in wanted.items() if saved.get(path) == content or lies_oddly(rig, content)]
    assert sorted(wanted) == sorted(there), label
    kept = set(contents(rig.space, hidden=True).values())
    assert {MARK + b"bad/file", MARK + b"folder/bad", MARK + b" original", b"old 1", b"old 2"} <= kept, label


FOLDERS = ("bad", "fresh", "empty folder")
"""Those of the places of which all below is meant, too."""


def cases(call: str) -> list[tuple[int, str]]:
    """(error, place) for a call: each error once, at places that take turns, and now and then all below a folder."""
    if call in BY_DESCRIPTOR:
        return [(error, "bad/file") for error in ERRORS]
    if call in ("mkdir", "rmdir", "entries"):
        return [(error, FOLDERS[number % len(FOLDERS)]) for number, error in enumerate(ERRORS)]
    return [(error, PLACES[number % len(PLACES)]) for number, error in enumerate(ERRORS)]


@pytest.fixture
def memory() -> Iterator[Path]:
    """Where nothing waits for a disk."""
    with tempfile.TemporaryDirectory(dir=MEMORY if Path(MEMORY).is_dir() else None) as folder:
        yield Path(folder)


CALLS = [(side, call) for side in ("there", "here") for call in (*BY_PATH, *BY_DESCRIPTOR)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudify_scipion.agent.ports.calls.WAITS", (0.01,))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("side", "call"), CALLS)
def test_one_path(side: str, call: str, memory: Path) -> None:
    """One error of each call a day."""
    check_all(side, call, sample(cases(call), 1), memory)


@pytest.mark.long
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("side", "call"), CALLS)
def test_one_path_with_any_error(side: str, call: str, memory: Path) -> None:
    """All of them."""
    check_all(side, call, cases(call), memory)


def check_all(side: str, call: str, wrong: Sequence[tuple[int, str]], memory: Path) -> None:
    for error, place in wrong:
        folder = memory / "project"
        shutil.rmtree(folder, ignore_errors=True)
        broken = Broken(call, error, os.fsencode(place), MARK + b"changed", below=place in FOLDERS)
        check(begin(folder), side, broken, place)


class WithoutRenames(Tree):
    """A data space that moves nothing into the trash."""

    def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
        if b"trash" in new:
            raise OSError(5, "Input/output error")
        super().rename(old, new, replace)


def test_a_deletion_that_fails_is_not_forgotten(rig: Rig) -> None:
    for name in ("keep", "f/a", "f/b"):
        rig.write(name)
    rig.push()
    for path in ("f/a", "f/b"):
        (rig.user / path).unlink()
    (rig.user / "f").rmdir()
    rig.trees = WithoutRenames
    with pytest.raises(AgentError, match="2 files"):
        rig.push()
    rig.trees = Tree
    rig.scan()
    assert sorted(rig.local()) == ["keep"], "it does not come back"
    rig.push()
    assert sorted(rig.saved()) == ["keep"]
