"""Folders of the data space as they are listed: what vanishes, what is old, and how often each is asked for."""

from __future__ import annotations

import errno
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import Unsaved
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.rig import Rig


def test_a_hundred_thousand_files_in_one_folder_are_listed_once(tmp_path: Path) -> None:
    """Ten thousand, for speed: what would be quadratic shows."""
    rig = Rig(tmp_path / "volume", tmp_path / "space", workers=8)
    rig.pull()
    for n in range(10_000):
        (rig.user / f"{n}").touch()
    rig.push()
    began = time.monotonic()
    for n in range(0, 10_000, 100):
        (rig.user / f"{n}").write_bytes(b"x")
    rig.push()
    assert time.monotonic() - began < 20
    assert len(rig.saved()) == 10_000


def test_a_folder_that_vanishes_while_it_is_listed(rig: Rig) -> None:
    rig.web("a/b", b"one")
    rig.web("c", b"two")

    class Vanishing(Tree):
        def entries(self, path: bytes) -> list[tuple[bytes, os.stat_result]]:
            if path == b"a":
                shutil.rmtree(rig.space / "a", ignore_errors=True)
            return super().entries(path)

    replace(rig, trees=Vanishing).scan()
    rig.scan()
    assert rig.local() == {"c": b"two"} or rig.saved() == rig.local()


def test_an_old_listing_is_not_believed(rig: Rig) -> None:
    rig.web("a", b"one")
    with rig.world() as world:
        world.index.listing.keep(b"", [(b"a", "f", 0o644, 3, 5, 5)])
        world.index.set_state("listing", [world.clock.boot(), world.clock.elapsed() - 86400])
        world.commit_and_tell()
    rig.web("b", b"two")
    rig.scan()
    assert rig.local() == {"a": b"one", "b": b"two"}


def test_folders_that_the_web_took_away(rig: Rig) -> None:
    rig.write("a/deep/x", b"one")
    rig.write("o", b"o")
    rig.push()
    shutil.rmtree(rig.space / "a")
    rig.write("a/deep/x", b"two", age=10)
    rig.write("a/new/y", b"three")
    rig.write("p", b"p")
    for _ in range(2):
        try:
            rig.push()
        except Unsaved:
            continue
    assert rig.saved() == rig.local()


def test_what_a_scan_cannot_pull_is_told(rig: Rig) -> None:
    rig.web("secret", b"x")

    class Broken(Tree):
        def open_with_facts(self, path: bytes) -> tuple[int, os.stat_result]:
            if path == b"secret":
                raise OSError(errno.EIO, "Input/output error")
            return super().open_with_facts(path)

    with pytest.raises(Unsaved, match="secret"):
        replace(rig, trees=Broken).scan()
    rig.scan()
    assert rig.local() == {"secret": b"x"}
