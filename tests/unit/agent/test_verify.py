"""What a verification finds, whichever way it looks: it is saved again, and no stranger's."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import GuardFailed
from tests.unit.agent.rig import Rig, contents


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path / "volume", tmp_path / "space", verify=str(tmp_path / "space"))
    made.pull()
    return made


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


def manifests(rig: Rig) -> list[Path]:
    return sorted((rig.space / ".cloudify-scipion/manifest").iterdir())


def test_verify_reads_the_manifest(rig: Rig) -> None:
    rig.write("a")
    rig.push()
    segment = manifests(rig)[-1]
    segment.write_bytes(bytes(segment.stat().st_size))
    assert [reason for _, reason in rig.verify_all().wrong] == ["it is not whole"]
    rig.seal()
    assert (rig.state / "seal.json").exists()
