"""What went wrong in the data space is put right: nothing of ours is taken for a stranger's, and no proof is given."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError, GuardFailed
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.rig import Rig, contents


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path / "volume", tmp_path / "space", verify=str(tmp_path / "space"))
    made.pull()
    return made


def manifests(rig: Rig) -> list[Path]:
    return sorted((rig.space / ".cloudify-scipion/manifest").iterdir())


class Full(Tree):
    """A data space that has no room for what is longer than ten bytes."""

    def write(self, fd: int, data: bytes | memoryview) -> None:
        if len(data) > 10 and "space" in str(Path(f"/proc/self/fd/{fd}").readlink()):
            raise OSError(28, "No space left on device")
        super().write(fd, data)


class WithoutRenames(Tree):
    """A data space that moves nothing into the trash."""

    def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
        if b"trash" in new:
            raise OSError(5, "Input/output error")
        super().rename(old, new, replace)


def test_what_fits_is_saved(rig: Rig) -> None:
    rig.push()
    rig.write("a", b"short")
    rig.write("b", b"much too long")
    rig.write("c", b"short, too")
    rig.trees = Full
    with pytest.raises(AgentError, match="the data space is full"):
        rig.push()
    assert sorted(rig.saved()) == ["a", "c"]
    rig.trees = Tree
    assert rig.push().files == 1
    assert rig.saved() == rig.local()


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


def test_a_file_that_was_busy_and_is_gone_is_not_unsaved(rig: Rig) -> None:
    rig.write("a")
    with rig.world() as world:
        world.index.attempts.count_try(b"gone")
        world.index.commit()
    rig.push()
    with rig.world() as world:
        assert world.index.unsaved() == 0


@pytest.mark.parametrize("there", [b"", b"con", bytes(5)])
def test_the_ruin_of_an_interrupted_push_is_no_conflict(rig: Rig, there: bytes) -> None:
    rig.write("a", b"content")
    with rig.world() as world:
        world.index.attempts.intend([(b"a", "0" * 64)])
    rig.web("a", there)
    assert rig.push().conflicts == 0
    assert rig.saved() == {"a": b"content"}
    assert list(rig.trash().values()) == [there]


@pytest.mark.parametrize("there", [b"", b"con", bytes(5)])
def test_a_scan_knows_it_too(rig: Rig, there: bytes) -> None:
    rig.write("a", b"content")
    with rig.world() as world:
        world.index.attempts.intend([(b"a", "0" * 64)])
    rig.web("a", there)
    assert rig.scan().conflicts == 0
    rig.push()
    assert rig.saved() == rig.local() == {"a": b"content"}


@pytest.mark.parametrize("there", [b"", b"con", b"else"])
def test_what_a_stranger_put_there_is_a_conflict(rig: Rig, there: bytes) -> None:
    rig.write("a", b"content")
    rig.web("a", there)
    assert rig.push().conflicts == 1
    assert sorted(rig.saved().values()) == sorted([b"content", there])


@pytest.mark.parametrize("there", [b"", bytes(7), b"con"])
def test_what_verify_found_wrong_is_no_conflict(rig: Rig, there: bytes) -> None:
    rig.write("a", b"content")
    rig.push()
    rig.web("a", there)
    assert [path for path, _ in rig.verify_all().wrong] == [b"a"]
    assert rig.push().conflicts == 0
    assert rig.saved() == {"a": b"content"}
    assert list(rig.trash().values()) == [there]


def test_what_others_do_not_see_is_saved_again_though_we_see_it(rig: Rig, tmp_path: Path) -> None:
    """The other way shows another content: ours may be but the cache's."""
    rig.write("a", b"content")
    rig.push()
    other = tmp_path / "other"
    (other / ".cloudify-scipion").mkdir(parents=True)
    for path, content in contents(rig.space, hidden=True).items():
        (other / path).parent.mkdir(parents=True, exist_ok=True)
        (other / path).write_bytes(content)
    (other / "a").write_bytes(bytes(7))
    rig.verify = str(other)
    assert [path for path, _ in rig.verify_all().wrong] == [b"a"]
    before = (rig.space / "a").stat().st_ino
    rig.scan()
    rig.push()
    assert (rig.space / "a").stat().st_ino != before
    assert rig.saved() == {"a": b"content"}


def test_a_second_mount_that_is_gone_proves_nothing(rig: Rig, tmp_path: Path) -> None:
    rig.write("a")
    rig.push()
    (tmp_path / "empty").mkdir()
    for other in ("empty", "absent"):
        rig.verify = str(tmp_path / other)
        with pytest.raises(GuardFailed):
            rig.verify_all()
    rig.verify = ""
    assert rig.push().files == 0


def test_a_space_that_vanishes_during_a_scan_has_lost_nothing(rig: Rig, tmp_path: Path) -> None:
    rig.write("f/a")
    rig.push()

    class Vanishing(Tree):
        def entries(self, path: bytes) -> list[tuple[bytes, os.stat_result]]:
            if self.path != os.fsencode(rig.space) or path.startswith(b".cloudify"):
                return super().entries(path)
            rig.space.rename(tmp_path / "away")
            rig.space.mkdir()
            self.__init__(self.path)  # type: ignore[misc]
            return []

    rig.trees = Vanishing
    with pytest.raises(GuardFailed):
        rig.scan()
    rig.trees = Tree
    rig.space.rmdir()
    (tmp_path / "away").rename(rig.space)
    assert rig.push().files == 0


def test_a_scan_repairs_the_manifest(rig: Rig, tmp_path: Path) -> None:
    rig.write("a")
    rig.push()
    rig.write("b")
    rig.push()
    manifests(rig)[-1].write_bytes(b"")
    rig.scan()
    rig.push()
    (rig.user / "script").write_bytes(b"#!")
    (rig.user / "script").chmod(0o755)
    rig.push()
    again = Rig(tmp_path / "again", rig.space, machine="m2", generation=2)
    again.pull()
    assert (again.user / "script").stat().st_mode & 0o777 == 0o755
    assert again.alarms() == []


def test_verify_reads_the_manifest(rig: Rig) -> None:
    rig.write("a")
    rig.push()
    segment = manifests(rig)[-1]
    segment.write_bytes(bytes(segment.stat().st_size))
    assert [reason for _, reason in rig.verify_all().wrong] == ["it is not whole"]
    rig.seal()
    assert (rig.state / "seal.json").exists()


def test_a_lease_whose_content_is_lost_is_still_ours(rig: Rig) -> None:
    rig.write("a")
    rig.push()
    for lease in (rig.space / ".cloudify-scipion/lease").iterdir():
        lease.write_bytes(b"")
    rig.pull()
    rig.write("b")
    assert rig.push().files == 1


def test_a_folder_whose_name_the_space_cannot_hold(rig: Rig, tmp_path: Path) -> None:
    class Text(Tree):
        """Refuses names that are no UTF-8, as some data spaces do."""

        def mkdir(self, path: bytes, mode: int = 0o755) -> bool:
            path.decode() if self.path == os.fsencode(rig.space) else None
            return super().mkdir(path, mode)

    with rig.world() as world:
        known = world.index.get_state("abilities")
        world.index.set_state("abilities", {**known, "names": {**known["names"], "text": True}})
        world.index.commit()
    rig.trees = Text
    odd = os.fsencode(rig.user) + b"/odd \xff"
    os.makedirs(odd + b"/in")  # noqa: PTH103 - bytes
    Path(os.fsdecode(odd + b"/in/file")).write_bytes(b"content")
    rig.write("b")
    assert rig.push().files == 2
    assert rig.push().wrote is False
    rig.scan()
    assert rig.push().wrote is False
    Path(os.fsdecode(odd)).rename(rig.user / "plain")
    rig.push()
    rig.write("plain/in/file", b"changed", age=5)
    rig.push()
    assert rig.saved() == rig.local()
    assert rig.verify_all().wrong == []
    again = Rig(tmp_path / "again", rig.space, machine="m2", generation=2)
    again.pull()
    assert again.local() == rig.local()


def test_a_name_that_is_no_text_is_told(rig: Rig) -> None:
    name = os.fsdecode(b"odd \xff")
    rig.write(name, b"here")
    rig.web(name, b"there")
    assert rig.push().conflicts == 1
    assert rig.alarms()[-1].startswith("odd \\xff was changed in the data space as well")


def test_a_file_that_was_moved_just_before_the_seal(rig: Rig) -> None:
    rig.write("a")
    rig.push()
    (rig.user / "a").rename(rig.user / "b")
    assert rig.seal().files == 1
    assert sorted(rig.saved()) == ["b"]
