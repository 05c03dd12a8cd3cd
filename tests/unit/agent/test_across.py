"""A subfolder of the data space is another file system: no rename leads in or out, and all is saved all the same."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudify_scipion.agent.plan.names import PART
from tests.unit.agent.rig import Rig

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts")


@pytest.fixture
def raw(rig: Rig) -> Iterator[Path]:
    folder = rig.space / "raw"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_saved_replaced_and_deleted(rig: Rig, raw: Path) -> None:
    rig.web("raw/gain.mrc", b"facility's", age=5000)
    rig.scan()
    rig.write("raw/new/a", b"one")
    rig.write("raw/b", b"old")
    rig.write("raw/gain.mrc", b"flipped", age=100)
    (rig.user / "raw/link").symlink_to("b")
    rig.push()
    assert rig.saved() == rig.local()
    assert b"facility's" in rig.trash().values()
    rig.write("raw/b", b"changed", age=50)
    (rig.user / "raw/new/a").unlink()
    (rig.user / "raw/link").unlink()
    rig.push()
    assert rig.saved() == rig.local()
    assert {b"one", b"old"} <= set(rig.trash().values())
    assert rig.verify_all().wrong == []
    assert [name for name in os.listdir(raw) if name.startswith(os.fsdecode(PART))] == []  # noqa: PTH208


def test_what_a_killed_work_left_is_no_data(rig: Rig, raw: Path) -> None:
    left = raw / (os.fsdecode(PART) + "g00000001-1-1-ab")
    later = raw / (os.fsdecode(PART) + "g00000009-1-1-ab")
    for path in (left, later):
        path.write_bytes(b"half")
    rig.scan()
    assert rig.local() == {}
    assert not left.exists() and later.exists()
