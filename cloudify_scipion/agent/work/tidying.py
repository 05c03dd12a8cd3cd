"""Deletions that are no accident: Scipion tidies its scratch files away, and empties a run that it restarts.

They are recognized before anything is saved, since a restarted run is known by files that are not as they were known.
"""

from __future__ import annotations

from cloudify_scipion.agent.plan.scipion import is_scratch, run_of
from cloudify_scipion.agent.ports.tables.changes import TIDY
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.world import World

RESTARTED = "restarted"
"""Runs that were seen restarting, while something of what they were before is still to be deleted."""
_SOME = 1000


def find_tidied(world: World) -> None:
    """Mark what Scipion has tidied away among what is gone."""
    before, restarted, after = set(world.index.get_state(RESTARTED) or ()), dict[bytes, bool](), b""
    while paths := world.index.gone(after=after, limit=_SOME):
        for path in paths:
            run = run_of(path)
            if run and run not in restarted:
                restarted[run] = run.hex() in before or _is_restarted(world, run)
            if is_scratch(path) or restarted.get(run):
                world.index.set_fate(path, TIDY)
        after = paths[-1]
    found = sorted(run.hex() for run, yes in restarted.items() if yes)
    if found != sorted(before):
        world.index.set_state(RESTARTED, found)


def _is_restarted(world: World, run: bytes) -> bool:
    """Whether the folder of a run was emptied and filled again: all that is in it is new."""
    number, new = world.index.folder_id(run), False
    if number is None:
        return False
    for folder in world.index.below(number):
        path = world.index.path_of(folder)
        try:
            there = world.tree.entries(path)
        except OSError:
            continue
        known = world.index.files(folder)
        for name, facts in there:
            row = known.get(name)
            if row is not None and not _is_another(row, facts.st_ino, facts.st_size):
                return False
            new |= not facts.st_mode & 0o040000
    return new


def _is_another(row: Row, ino: int, size: int) -> bool:
    """Whether a file was made anew, and not merely changed."""
    return row.ino != ino or size < row.size
