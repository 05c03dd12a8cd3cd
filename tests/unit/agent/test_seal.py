"""The seal: written when nobody can write any more and everything was read back, and never otherwise."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent import cli
from cloudify_scipion.agent.errors import AgentError, GuardFailed, LeaseForeign, Unsaved
from cloudify_scipion.agent.ports.tables.trial import Trial
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.seal import seal as module
from cloudify_scipion.agent.work.seal import verify
from cloudify_scipion.agent.work.world import World
from tests.unit.agent.rig import Rig
from tests.unit.agent.test_databases import ROWS, UNFINISHED, make, rows, writer


@pytest.fixture
def quiet(rig: Rig) -> Rig:
    """Nobody can write to the working copy, as far as the agent can see."""
    for number in range(5):
        rig.write(f"p/{number}", f"content {number}")
    (rig.user / "link").symlink_to("p/1")
    return rig


def sealed(rig: Rig) -> bool:
    return (rig.state / module.NAME).exists() or (rig.space / ".cloudify-scipion/seal.json").exists()


def space_of(rig: Rig, kind: type[Tree]) -> Rig:
    return replace(rig, trees=lambda path: (kind if path == str(rig.space) else Tree)(path))


def test_what_it_says(quiet: Rig) -> None:
    os.mkfifo(quiet.user / "pipe")
    made = quiet.seal()
    last = max((quiet.space / ".cloudify-scipion/manifest").iterdir())
    assert made.manifest == hashlib.sha256(last.read_bytes()).hexdigest()
    assert (made.project, made.volume, made.generation, made.files, made.special) == ("p1", "v1", 1, 6, 1)
    assert made.bytes == sum(path.lstat().st_size for path in quiet.user.rglob("*") if not path.is_dir())
    here = json.loads((quiet.state / "seal.json").read_text())
    assert here == json.loads((quiet.space / ".cloudify-scipion/seal.json").read_text())
    assert here["manifest"] == made.manifest
    assert quiet.saved() == quiet.local()
    assert list((quiet.space / ".cloudify-scipion/lease").iterdir()) == [], "the lease is given back"
    assert list((quiet.space / ".cloudify-scipion/tmp").iterdir()) == []


def test_refused_while_the_working_copy_is_writable(rig: Rig) -> None:
    rig.closed = False
    rig.write("a")
    with pytest.raises(GuardFailed, match="is writable") as refused:
        rig.seal()
    assert refused.value.code == 4
    assert not sealed(rig)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_a_read_only_mount_is_what_it_takes(rig: Rig, tmp_path: Path) -> None:
    """The user's own mount alone: the agent goes on through its own."""
    rig.write("a")
    mount = tmp_path / "mount"
    mount.mkdir()
    subprocess.run(["mount", "--bind", str(rig.user), str(mount)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(mount)], check=True)
        document = {**rig.document(), "user_path": str(mount)}
        (tmp_path / "config.json").write_text(json.dumps(document))
        assert cli.main(["--config", str(tmp_path / "config.json"), "run", "seal"]) == 0
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)
    assert sealed(rig)


class Dropping(Tree):
    """A data space that acknowledges what is written and keeps nothing of it."""

    def write(self, fd: int, data: bytes | memoryview) -> None:
        if b"content" not in bytes(data):
            super().write(fd, data)


class Zeros(Tree):
    """One that keeps zeros."""

    def write(self, fd: int, data: bytes | memoryview) -> None:
        super().write(fd, bytes(len(data)) if b"content" in bytes(data) else data)


class Flipping(Tree):
    """One that changes a bit of what it keeps, and neither size nor time."""

    def write(self, fd: int, data: bytes | memoryview) -> None:
        super().write(fd, bytes(data).replace(b"content 3", b"content 2"))


class Forgetting(Tree):
    """One that loses a file after it was put in its place."""

    def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
        super().rename(old, new, replace)
        if new in (b"p", b"p/3"):
            super().unlink(b"p/3")


@pytest.mark.parametrize("kind", [Dropping, Zeros, Flipping, Forgetting])
def test_a_data_space_that_lies_never_gets_one(quiet: Rig, kind: type[Tree]) -> None:
    before = quiet.local()
    with pytest.raises(Unsaved, match="files are not in the data space, though they were written 3 times"):
        space_of(quiet, kind).seal()
    assert not sealed(quiet)
    assert quiet.local() == before
    quiet.seal()  # it was repaired; what it made of our files is kept beside, as all that we do not know
    assert before.items() <= quiet.saved().items()


def test_what_was_hurt_since_it_was_saved_is_found_and_saved_again(quiet: Rig) -> None:
    """By content: size and time are as they were."""
    quiet.push()
    path = quiet.space / "p/3"
    facts = path.stat()
    path.write_bytes(b"bitrot! 3")
    os.utime(path, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    made = quiet.seal()
    assert made.files == 7
    assert quiet.saved()["p/3"] == b"content 3"
    assert b"bitrot! 3" in quiet.saved().values()


def test_every_file_is_read_whatever_its_facts_say(quiet: Rig) -> None:
    """Content that changed and left size, times and inode as they were: a failing disk, or a clock set back."""
    quiet.push()
    path = quiet.write("p/3", b"CONTENT 3")
    with quiet.world() as world:
        row = world.index.files.get(b"p/3")
        assert row is not None
        facts = path.stat()
        world.index.files.put(
            b"p/3", replace(row, mtime=facts.st_mtime_ns, ctime=facts.st_ctime_ns, ino=facts.st_ino, racy=0)
        )
        world.index.commit()
    assert quiet.push().files == 0
    quiet.seal()
    assert quiet.saved()["p/3"] == b"CONTENT 3"


def test_a_database_that_its_writer_left_unfinished_is_sealed_as_it_was_before(quiet: Rig) -> None:
    """Nobody will finish it: it is not waited for any more."""
    path = make(quiet.user / "p/run.db")
    with writer(path, *UNFINISHED):
        pass
    quiet.seal()
    assert rows(quiet.space / "p/run.db") == ROWS


def test_verification_reads_through_the_other_way(quiet: Rig, tmp_path: Path) -> None:
    """What the writer's own mount shows is no proof."""
    other = tmp_path / "verify"
    (other / ".cloudify-scipion").mkdir(parents=True)
    (other / ".cloudify-scipion/space.json").write_text("p1")
    rig = replace(quiet, verify=str(other))
    with pytest.raises(Unsaved, match="it is not there"):
        rig.seal()
    assert not sealed(rig)
    shutil.rmtree(other)
    other.symlink_to(rig.space)
    assert rig.seal().files == 6


def _new(rig: Rig) -> None:
    rig.write("late", b"content late")


def _changed(rig: Rig) -> None:
    rig.write("p/1", b"content, changed", age=10)


@pytest.mark.parametrize("change", [_new, _changed])
def test_files_that_change_meanwhile(
    quiet: Rig, change: Callable[[Rig], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that was missed: what was verified is not what is there."""

    def changing(world: World, trial: Trial) -> verify.Verified:
        result = verify.verify(world, trial)
        change(quiet)
        return result

    monkeypatch.setattr(module, "verify", changing)
    with pytest.raises(Unsaved, match="changed while they were sealed"):
        quiet.seal()
    assert not sealed(quiet)


def test_an_unreadable_folder(quiet: Rig) -> None:
    class Sick(Tree):
        def entries(self, path: bytes) -> list[tuple[bytes, os.stat_result]]:
            if path == b"p":
                raise OSError(5, "Input/output error")
            return super().entries(path)

    quiet.push()
    with pytest.raises(Unsaved, match="cannot be read"):
        replace(quiet, trees=lambda path: (Sick if path == str(quiet.user) else Tree)(path)).seal()
    assert not sealed(quiet)


def test_a_name_that_cannot_be_saved(quiet: Rig) -> None:
    quiet.write(".cloudify-scipion", b"content")
    with pytest.raises(Unsaved, match="kept for"):
        quiet.seal()
    assert not sealed(quiet)


def test_another_owner(quiet: Rig, tmp_path: Path) -> None:
    new = replace(quiet, root=tmp_path / "other", machine="m2", generation=2)
    new.__post_init__()
    new.pull()
    with pytest.raises(AgentError, match="m2"):
        quiet.seal()
    assert not sealed(quiet)


@pytest.mark.parametrize("work", ["pull", "push", "scan", "verify"])
def test_a_later_work_removes_it(quiet: Rig, work: str, tmp_path: Path) -> None:
    """Whatever the work comes to: from then on something may be otherwise."""
    (tmp_path / "config.json").write_text(json.dumps(quiet.document()))
    quiet.seal()
    cli.main(["--config", str(tmp_path / "config.json"), "run", work])
    assert not (quiet.state / module.NAME).exists()


def test_a_seal_that_fails_leaves_no_older_one(quiet: Rig) -> None:
    quiet.seal()
    quiet.pull()
    quiet.write("p/6", b"content 6")
    with pytest.raises(Unsaved):
        space_of(quiet, Dropping).seal()
    assert not (quiet.state / module.NAME).exists()


def test_held_deletions_stay_held(quiet: Rig) -> None:
    """Nobody answers any more; nothing is deleted in the data space, and what is here is sealed."""
    for number in range(30):
        quiet.write(f"p/{number}", f"content {number}")
    quiet.push()
    before = quiet.saved()
    for path in (quiet.user / "p").iterdir():
        path.unlink()
    quiet.write("new", b"content new")
    quiet.seal()
    assert quiet.saved() == {**before, "new": b"content new"}


def test_what_a_crash_emptied_is_sealed_as_it_is_with_the_earlier_content_in_the_trash(quiet: Rig) -> None:
    quiet.push()
    quiet.clock.boot_id = "after the crash"
    quiet.write("p/3", b"", age=10)
    quiet.push()
    quiet.seal()
    assert quiet.saved()["p/3"] == b""
    assert b"content 3" in quiet.trash().values()


def test_what_a_crash_emptied_and_the_seal_sees_first_is_asked_about(quiet: Rig) -> None:
    """As by a push; without an answer the next seal takes it as it is."""
    quiet.push()
    quiet.clock.boot_id = "after the crash"
    quiet.write("p/3", bytes(9), age=10)
    with pytest.raises(Unsaved, match="1 files are empty or all zeros after a crash.*: p/3") as told:
        quiet.seal()
    assert "answer on the desktop" in told.value.next_step
    assert quiet.questions() == ["destroyed"]
    assert quiet.saved()["p/3"] == b"content 3"
    quiet.seal()
    assert quiet.saved()["p/3"] == bytes(9)
    assert b"content 3" in quiet.trash().values()


def test_a_reinstall_goes_on_from_it(quiet: Rig, tmp_path: Path) -> None:
    quiet.seal()
    again = Rig(tmp_path / "other", quiet.space, machine="m2", generation=2, fenced=False)
    before = again.clock.since_boot
    again.pull()
    assert again.clock.since_boot == before, "nobody is waited for: the lease was given back"
    assert again.local() == quiet.local()


def test_a_seal_can_be_made_again(rig: Rig) -> None:
    rig.write("a", b"one")
    first = rig.seal()
    again = rig.seal()
    assert again.files == first.files
    (rig.state / "seal.json").unlink()  # killed before the seal was on the volume
    rig.seal()
    assert (rig.state / "seal.json").exists()


def test_a_seal_does_not_take_the_lease_of_a_later_machine(rig: Rig, tmp_path: Path) -> None:
    rig.write("a", b"one")
    rig.push()
    later = Rig(tmp_path / "v2", rig.space, machine="m2", generation=2)
    later.pull()
    with pytest.raises(LeaseForeign, match=r"machine m2 \(generation 2\) of this deployment took the data space over"):
        rig.seal()
    assert not (rig.state / "seal.json").exists()
    later.push()


def test_a_seal_names_the_manifest_of_its_moment(rig: Rig) -> None:
    rig.write("a", b"one")
    first = rig.seal()
    rig.write("a", b"two", age=100)
    rig.push()
    made = rig.seal()
    last = max((rig.space / ".cloudify-scipion/manifest").iterdir())
    assert made.manifest == hashlib.sha256(last.read_bytes()).hexdigest() != first.manifest


def test_results_are_proven_to_be_saved_before_anything_is_deleted(facility: Rig) -> None:
    facility.pull()
    facility.write("results/class.mrcs", b"results")
    assert not (facility.state / "seal.json").exists()
    facility.seal()
    assert facility.saved()["results/class.mrcs"] == b"results"
