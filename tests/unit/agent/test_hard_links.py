"""Names of one file: a new machine gets one file under all of them, wherever the data space keeps it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from tests.unit.agent.odd_spaces import Manners, refused
from tests.unit.agent.restored import differences, restore_from_copy
from tests.unit.agent.rig import Rig

NAMES = ("b", "m", "z/b", "a?", "l?", "n?", "z/c?")


@pytest.fixture(autouse=True)
def _sealable() -> Iterator[None]:
    with mock.patch("cloudify_scipion.agent.work.seal._must_be_read_only", new=lambda _: None):
        yield


@pytest.mark.parametrize("fold", [False, True])
def test_a_name_that_the_data_space_refuses_is_a_name_of_the_same_file(tmp_path: Path, fold: bool) -> None:
    """In whatever order they are: of one file, some names are refused there, or are taken for another file's."""
    manners = Manners(tmp_path / "space", fold=bytes.lower if fold else bytes, refuses=refused)
    rig = Rig(tmp_path / "volume", tmp_path / "space", workers=1, trees=manners.tree)
    rig.pull()
    rig.write("Z/other", b"other")
    groups = [(f"{at}/{one}", f"{at}/{other}") for at, (one, other) in enumerate(itertools.permutations(NAMES, 2))]
    for number, (one, other) in enumerate([*groups, ("Z/x", "A"), ("x", "Z/a"), ("a", "z/X")]):
        (rig.user / other).parent.mkdir(parents=True, exist_ok=True)
        os.link(rig.write(one, f"content {number}"), rig.user / other)
    rig.push()
    rig.seal()
    assert differences(rig.user, restore_from_copy(rig, tmp_path / "restored").user) == []
