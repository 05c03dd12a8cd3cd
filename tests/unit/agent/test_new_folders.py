"""A folder that the data space has not is filled under another name, and put in its place by one rename."""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.plan.names import split
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.parallel import CHUNK
from cloudify_scipion.agent.work.push import upload_all
from cloudify_scipion.agent.work.push.send import Upload
from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.rig import Rig, contents

FILES = {"run/a": b"1", "run/b": b"2", "run/deep/c": b"3", "run/deep/er/d": b"4", "run/e": b""}
TMP = ".cloudify-scipion/tmp"


class Watched(Tree):
    """Remembers the renames to places of the project; refuses those for which `refuses` gives an error."""

    renames: list[tuple[bytes, bytes]]
    refuses: dict[bytes, int]

    def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
        self.renames.append((old, new))
        if new in self.refuses:
            raise OSError(self.refuses[new], os.strerror(self.refuses[new]), os.fsdecode(new))
        super().rename(old, new, replace)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path / "volume", tmp_path / "space", workers=1)
    made.pull()
    for path, content in FILES.items():
        made.write(path, content)
    return made


def watched(rig: Rig, **refuses: int) -> list[tuple[bytes, bytes]]:
    """The rig's data space tells its renames."""
    renames: list[tuple[bytes, bytes]] = []

    def tree(path: str) -> Tree:
        made = Watched(path)
        made.renames, made.refuses = renames, {name.encode(): number for name, number in refuses.items()}
        return made

    rig.trees = tree
    return renames


def unfinished(rig: Rig) -> list[Path]:
    return list((rig.space / TMP).iterdir())


def _to_the_project(renames: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [new for _, new in renames if not new.startswith(b".cloudify-scipion/")]


def test_one_rename_for_all_of_it(rig: Rig) -> None:
    renames = watched(rig)
    rig.push()
    assert _to_the_project(renames) == [b"run"]
    assert rig.saved() == FILES
    assert rig.push().files == 0 and rig.scan().files == 0
    assert not unfinished(rig)


def test_a_new_machine_gets_the_same(rig: Rig, tmp_path: Path) -> None:
    (rig.user / "run/deep").chmod(0o750)
    rig.push()
    assert (rig.space / "run/deep").stat().st_mode & 0o777 == 0o750
    other = Rig(tmp_path / "other", rig.space, machine="m2", generation=2)
    other.pull()
    assert other.local() == FILES
    assert (other.user / "run/deep").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("taken", ["folder", "file", "link"])
def test_what_a_stranger_has_put_in_its_place_stays(rig: Rig, taken: str) -> None:
    if taken == "folder":
        rig.web("run/a", b"a stranger's")
    elif taken == "file":
        rig.web("run", b"a stranger's")
    else:
        (rig.space / "run").symlink_to("a stranger's")
    rig.push()
    everything = contents(rig.space)
    assert {path: everything.get(path) for path in FILES} == FILES
    assert any(content.endswith(b"a stranger's") for content in everything.values())
    assert not unfinished(rig)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EACCES, errno.ENOTEMPTY, errno.EIO])
def test_a_folder_that_cannot_be_moved_there_goes_file_by_file(rig: Rig, number: int) -> None:
    renames = watched(rig, run=number)
    rig.push()
    assert rig.saved() == FILES
    assert len(_to_the_project(renames)) == 1 + len(FILES)
    assert not unfinished(rig)


def test_a_file_that_cannot_lie_there_costs_only_itself(rig: Rig) -> None:
    class Refusing(Tree):
        def create(self, path: bytes, mode: int = 0o600) -> int:
            if path.endswith(b"/b") or path == b"run/b":
                raise OSError(errno.EINVAL, "Invalid argument", os.fsdecode(path))
            return super().create(path, mode)

        def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
            if new == b"run/b":
                raise OSError(errno.EINVAL, "Invalid argument", os.fsdecode(new))
            super().rename(old, new, replace)

    rig.trees = lambda path: Refusing(path) if path == str(rig.space) else Tree(path)
    rig.push()
    assert FILES["run/b"] in contents(rig.space / ".cloudify-scipion/odd", hidden=True).values()
    assert {path: content for path, content in rig.saved().items() if path != "run/b"} == {
        path: content for path, content in FILES.items() if path != "run/b"
    }


def test_killed_before_and_after_the_rename(rig: Rig) -> None:
    counting = Reaper()
    seen: list[int] = []
    counting.before = lambda name: seen.append(counting.count) if name == "rename" else None
    probe = replace(rig, trees=counting.tree, space=rig.space.with_name("probe"), root=rig.root.with_name("probing"))
    probe.pull()
    for path, content in FILES.items():
        probe.write(path, content)
    counting.count = 0
    seen.clear()
    probe.push()
    assert seen, "something is renamed"
    for at in (seen[0], seen[0] + 1, seen[0] + 2):
        with contextlib.suppress(Killed):
            replace(rig, trees=Reaper(at).tree).push()
        rig.push()
        assert rig.saved() == FILES, f"killed at write {at}"
        assert not unfinished(rig)
        for path in FILES:
            (rig.user / path).unlink()
        rig.write("kept", b"k")
        rig.push()
        if rig.questions():
            rig.answer("deletions", "delete")
            rig.push()
        for path, content in FILES.items():
            rig.write(path, content)
        (rig.user / "kept").unlink()


def test_a_file_that_is_still_being_written_does_not_hold_up_its_folder(rig: Rig) -> None:
    class Meanwhile(Tree):
        def write(self, fd: int, data: bytes | memoryview) -> None:
            if data == FILES["run/a"]:
                with (rig.user / "run/a").open("ab") as stream:
                    stream.write(b"more")
            super().write(fd, data)

    rig.trees = lambda path: Meanwhile(path) if path == str(rig.space) else Tree(path)
    result = rig.push()
    assert result.busy == 1
    assert rig.saved() == {path: content for path, content in FILES.items() if path != "run/a"}
    rig.trees = Tree
    rig.push()
    assert rig.saved() == rig.local()


def test_threads_are_given_files_of_several_folders_in_turn() -> None:
    """What changes one folder waits for each other in the data space."""
    jobs = [Upload(b"%d/%d" % (folder, number), None) for folder in range(3) for number in range(CHUNK * 2 + 1)]
    spread = upload_all._spread(jobs)
    assert sorted(job.path for job in spread) == sorted(job.path for job in jobs)
    assert [split(spread[at].path)[0] for at in range(0, CHUNK * 6, CHUNK)] == [b"0", b"1", b"2"] * 2
