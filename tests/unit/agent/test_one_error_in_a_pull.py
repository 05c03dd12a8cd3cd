"""One call fails for ever for one path of what is pulled, with any error: all else comes, and nothing is lost by it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.ports.databases.beside import HEADER
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.lease import lease
from tests.seeds import sample
from tests.unit.agent.broken import BY_DESCRIPTOR, Broken
from tests.unit.agent.rig import Rig, contents
from tests.unit.agent.test_one_error import ERRORS, FOLDERS, MARK, attempt, concerned, lies_oddly, memory  # noqa: F401 - a fixture

THERE = ("stat", "fresh", "told", "entries", "names", "kinds", "readlink", "open", "open_with_facts", "read", "rename")
HERE = (
    "stat", "entries", "open", "open_with_facts", "readlink", "mkdir", "set_folder_mode", "symlink", "link", "unlink",
    "take", "exchange", "rename", "write", "set_times", "set_mode", "close", "truncate", "chown", "chown_link",
)  # fmt: skip
"""`take`: the rename by which a file gets its place."""
PLACES = ("bad/file", "folder/bad", "bad", "link", "twin", "bad/raw", "original", "large", "empty folder",
          "bad/raw-wal")  # fmt: skip
DATABASE = HEADER + b"that SQLite cannot read" * 100


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the machine before has left in the data space: with a manifest, links, other names of one file, a hole."""
    folder = tmp_path_factory.mktemp("left")
    rig = Rig(folder / "volume", folder / "space", workers=1)
    rig.web("original", MARK + b" original", age=5000)
    rig.web("others/original", b"theirs", age=5000)
    rig.pull()
    for name in ("bad/file", "bad/deeper/file", "folder/bad", "first"):
        rig.write(name, MARK + name.encode()).chmod(0o640)
    for number in range(4):
        rig.write(f"good/{number}", f"good {number}")
    with rig.write("large", MARK + b"large").open("r+b") as stream:
        stream.truncate(3 << 20)
    (rig.user / "twin").hardlink_to(rig.user / "first")
    (rig.user / "link").symlink_to("nowhere")
    (rig.user / "other link").symlink_to("good/1")
    (rig.user / "empty folder").mkdir()
    for end in ("", "-wal"):
        rig.write(f"bad/raw{end}", DATABASE + end.encode(), age=5000)
    rig.push()
    rig.scan()
    rig.push()
    with rig.world() as world:
        lease.release(world)
    return rig.space


def machine(folder: Path, space: Path, number: int) -> Rig:
    return Rig(folder / f"volume-{number}", space, machine=f"m{number}", generation=number, workers=1)


def news(rig: Rig) -> None:
    """Others work in the data space, too."""
    rig.web("bad/new", MARK + b"new", age=40)
    rig.web("folder/bad", MARK + b"changed there", age=40)
    rig.web("original", MARK + b"changed there, too", age=40)
    rig.web("large", MARK + b"no longer", age=40)
    rig.web("fresh/deep/one", MARK + b"in a new folder", age=40)
    rig.web("good/new", b"news", age=40)
    rig.web("good/1", b"changed there", age=40)
    rig.write("bad/file", MARK + b"changed here", age=50)
    rig.web("bad/file", MARK + b"and there", age=40)
    for end in ("", "-journal"):
        rig.web(f"bad/of others{end}", DATABASE + end.encode(), age=40)
    (rig.space / "new link").symlink_to("somewhere")
    rig.clock.pass_time(300)


NEW_PLACES = ("bad/file", "bad/new", "folder/bad", "original", "large", "fresh", "bad/of others", "fresh/deep/one",
              "new link", "bad", "bad/of others-journal")  # fmt: skip


def on(rig: Rig, side: str, broken: Broken) -> Rig:
    """With a data space, or a volume, that is broken."""
    sick = {str(rig.user), str(rig.state)} if side == "here" else {str(rig.space)}
    return replace(rig, trees=lambda path: broken.tree(path) if path in sick else Tree(path))


def works(rig: Rig, does: list[Callable[[], object]]) -> list[AgentError | None]:
    said = []
    for work in does:
        said.append(attempt(work))
        rig.clock.pass_time(300)
    return said


def beside(name: str) -> str:
    """Whose conflict a file is; of a database and what lies beside it, which come together, the database."""
    return (name.split(".conflict-")[0]).removesuffix("-wal").removesuffix("-journal")


def check(rig: Rig, sick: Rig, first: Callable[[], object], broken: Broken, place: str, folder: Path) -> None:
    """`first`: what pulls. All else is here then; nothing of the data space goes, whatever is saved or sealed later."""
    label = f"{broken.call} {os.strerror(broken.error)} {place}"
    there = rig.saved()
    mine = rig.local()
    said = works(rig, [first, first])
    here = rig.local()
    odd = {beside(name): content for name, content in here.items() if ".conflict-" in name}
    lacking = [path for path, content in there.items() if here.get(path) != content and odd.get(path) != content]
    assert [path for path in lacking if not concerned(beside(path), beside(place))] == [], (label, lacking, said)
    assert set(mine.values()) <= set(here.values()) | set(contents(rig.space, hidden=True).values()), label
    if lacking:
        assert all(error is not None and beside(place) in error.what for error in said), (label, lacking, said)
    rig.write("mine/now", b"mine", age=60)
    said += works(rig, [sick.push, sick.push])
    sealed = attempt(sick.seal) is None
    broken.call = "none: all is well again"
    if sealed:
        rig.clock.pass_time(300)
        proven(rig, there, machine(folder, rig.space, 3), label)
        return
    for work in (rig.pull, rig.scan, rig.push, rig.scan, *(4 * [rig.push])):  # a database is busy for some tries
        rig.clock.pass_time(86400)
        attempt(work)
    assert rig.questions() == [], label
    assert rig.verify_all().wrong == [], label
    saved = rig.saved()
    unsaved = [path for path, content in rig.local().items() if saved.get(path) != content]
    assert [path for path in unsaved if not lies_oddly(rig, rig.local()[path])] == [], label
    assert rig.local().keys() >= saved.keys(), label
    proven(rig, there, rig, label)


def proven(rig: Rig, there: dict[str, bytes], new: Rig, label: str) -> None:
    """Whoever is to have all, has it: the content, and what only the manifest knows."""
    saved = rig.saved()
    contents_now = set(saved.values()) | set(rig.trash().values())
    assert [path for path, content in there.items() if content not in contents_now] == [], label
    gone = [path for path in there if path not in saved and not lies_oddly(new, new.local().get(path, b""))]
    assert gone == [], (label, gone)
    if new is not rig:
        new.pull()
        assert new.local() == saved, label
    assert saved["mine/now"] == b"mine", label
    assert (new.user / "empty folder").is_dir(), label
    assert (new.user / "first").stat().st_mode & 0o777 == 0o640, label
    assert (new.user / "bad/deeper/file").stat().st_mode & 0o777 == 0o640, label
    assert (new.user / "twin").samefile(new.user / "first"), label


def cases(call: str, places: tuple[str, ...]) -> list[tuple[int, str]]:
    """(error, place) for a call: each error once, at two of the places, which take turns."""
    if call in BY_DESCRIPTOR:
        places = ("large",) if call == "truncate" else ("bad/file",) if places is PLACES else ("bad/new",)
    return [(error, place) for number, error in enumerate(ERRORS)
            for place in (places[number % len(places)], places[(number + 4) % len(places)])]  # fmt: skip


CALLS = [*(("there", call) for call in THERE), *(("here", call) for call in HERE)]
BELOW = (*FOLDERS, "fresh")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudify_scipion.agent.ports.calls.WAITS", (0.01,))


def broken_for(call: str, error: int, place: str, monkeypatch: pytest.MonkeyPatch) -> Broken:
    mark = MARK + {"large": b"large", "bad/new": b"new"}.get(place, b"bad/file")
    if call in ("chown", "chown_link"):  # root's agent, and a user of our own number
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    broken = Broken(call, error, os.fsencode(place), mark, below=place in BELOW)
    monkeypatch.setattr("cloudify_scipion.agent.ports.holes.os.read", broken.read)
    return broken


def anew(left: Path, where: Path) -> tuple[Rig, Path]:
    """A new machine for a copy of what was left in the data space, and the folder of both."""
    folder = where / "project"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(left, folder / "space", symlinks=True)
    return machine(folder, folder / "space", 2), folder


@pytest.mark.long
@pytest.mark.parametrize(("side", "call"), CALLS)
def test_the_first_pull(left: Path, side: str, call: str, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Half of the cases of each call a day; CLOUDIFY_SCIPION_SOAK=1: all of them."""
    for error, place in sample(cases(call, PLACES), 14):
        rig, folder = anew(left, memory)
        broken = broken_for(call, error, place, monkeypatch)
        sick = on(rig, side, broken)
        check(rig, sick, sick.pull, broken, place, folder)


@pytest.mark.long
@pytest.mark.parametrize(("side", "call"), CALLS)
def test_a_scan_with_news(left: Path, side: str, call: str, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The same for what others put there later."""
    for error, place in sample(cases(call, NEW_PLACES), 14):
        rig, folder = anew(left, memory)
        rig.pull()
        rig.clock.pass_time(300)
        news(rig)
        broken = broken_for(call, error, place, monkeypatch)
        sick = on(rig, side, broken)
        check(rig, sick, sick.scan, broken, place, folder)


@pytest.mark.parametrize(
    ("call", "place"), [("chown_link", "link"), ("chown_link", "folder"), ("set_folder_mode", "folder")]
)
def test_what_cannot_be_given_to_the_user_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, place: str
) -> None:
    rig = Rig(tmp_path / "volume", tmp_path / "space", workers=1)
    (rig.space / "link").symlink_to("target")
    (rig.space / "folder").mkdir()
    broken = broken_for(call, errno.EPERM, place, monkeypatch)
    for _ in range(2):
        with pytest.raises(AgentError) as refused:
            replace(rig, trees=broken.tree).pull()
        assert place in str(refused.value)
        assert not os.path.lexists(rig.user / place)
