"""What has come takes the place of what was here: whoever writes there meanwhile, and wherever it is killed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.rig import Rig, contents, write

pytestmark = pytest.mark.long
KINDS: dict[str, Callable[[Path, str], object]] = {
    "file": lambda path, word: write(path, word, age=500),
    "link": lambda path, word: path.symlink_to(word),
}


def _scanned(rig: Rig, at: int, rename: bool) -> list[str]:
    """Scan, and die at a write, 0 never; returns what was written. Just before both change places the user may
    `rename` another file to that place, as editors save."""
    reaper, names = Reaper(at), list[str]()

    def before(name: str) -> None:
        if rename and name == "exchange" and (rig.root / "new").exists():
            (rig.root / "new").rename(rig.user / "it")
        names.append(name)

    reaper.before = before
    with contextlib.suppress(Killed):
        replace(rig, trees=reaper.tree, indexes=reaper.index, workers=1).scan()
    return names


def _begun(folder: Path, here: str, there: str) -> Rig:
    """A file or link that came from others, who then put another version there."""
    rig = Rig(folder / "volume", folder / "space")
    write(rig.root / "new", "the user's", age=10)
    rig.web("others", "others", age=500)
    KINDS[here](rig.space / "it", "old")
    rig.pull()
    rig.push()
    (rig.space / "it").unlink()
    KINDS[there](rig.space / "it", "newer of others")
    return rig


@pytest.mark.parametrize(("here", "there", "rename"), list(product(KINDS, KINDS, (False, True))))
def test_wherever_it_is_killed_nothing_is_lost(tmp_path: Path, here: str, there: str, rename: bool) -> None:
    writes = _scanned(_begun(tmp_path / "0", here, there), 0, rename)
    assert writes.count("take") >= 1 <= writes.count("exchange"), "to the name of a conflict, and to its place"
    for at in range(writes.index("take") + 1, len(writes) + 1):
        rig = _begun(tmp_path / str(at), here, there)
        _scanned(rig, at, rename)
        for _ in range(3):
            rig.clock.pass_time(1000)
            rig.scan()
            rig.push()
        owed = {b"newer of others", b"old"} if (rig.root / "new").exists() else {b"newer of others", b"the user's"}
        found = {said.removeprefix(b"-> ") for said in contents(rig.space, hidden=True).values()}
        assert owed <= found, (writes[at - 1], owed - found)
        assert not list((rig.root / "agent/tmp").iterdir())
