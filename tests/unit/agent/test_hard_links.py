"""Names of one file: a new machine gets one file under all of them, wherever the data space keeps it."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

import pytest

from tests.unit.agent.odd_spaces import Manners, refused
from tests.unit.agent.restored import differences, restore_from_copy
from tests.unit.agent.rig import Rig
from tests.unit.agent.sqlite_files import connect, fill, left

NAMES = ("b", "m", "z/b", "a?", "l?", "n?", "z/c?")


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


@pytest.mark.parametrize("end", ["-wal", "-journal"])
@pytest.mark.parametrize("other", ["a", "z", "sub/db", "a?"])
@pytest.mark.parametrize("saved", [False, True])
def test_a_database_with_something_beside_one_of_its_names(tmp_path: Path, end: str, other: str, saved: bool) -> None:
    """What a dead program has left counts under one name alone, as it does here; programs go on with it as before."""
    manners = Manners(tmp_path / "space", refuses=refused)
    rig = Rig(tmp_path / "volume", tmp_path / "space", workers=1, trees=manners.tree)
    rig.pull()
    left(tmp_path, rig.user, "db", end)
    (rig.user / "sub").mkdir()
    if saved:
        rig.push()
    os.link(rig.user / "db", rig.user / other)
    for _ in range(3 * saved):
        rig.push()
    rig.seal()
    assert not [text for text in rig.alarms() if "another content" in text]
    new = restore_from_copy(rig, tmp_path / "restored")
    assert differences(rig.user, new.user) == []
    rig.pull()
    with contextlib.closing(connect(rig.user / "db")) as database:
        fill(database, "new", 10)
    rig.push()
    rig.seal()
    assert differences(rig.user, restore_from_copy(rig, tmp_path / "again").user) == []
