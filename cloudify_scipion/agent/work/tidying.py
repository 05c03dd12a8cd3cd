"""Deletions that are no accident: Scipion tidies its scratch files away, and empties a run that it restarts.

They are recognized before anything is saved, since a restarted run is known by files that are not as they were known.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudify_scipion.agent.plan.scipion import is_scratch, run_of
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.changes import TIDY
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.world import World

RESTARTED = "restarted"
"""Runs that were seen restarting, while something of what they were before is still to be deleted."""
_SOME = 1000


def find_tidied(world: World) -> None:
    """Mark what Scipion has tidied away among what is gone."""
    before, runs, after = set(world.index.get_state(RESTARTED) or ()), {b"": Seen()}, b""
    while paths := world.index.gone(after=after, limit=_SOME):
        for path in paths:
            run = run_of(path)
            if run not in runs:
                runs[run] = _look_at(world, run)
                runs[run].restarted |= run.hex() in before
            if runs[run].restarted or (runs[run].lives and is_scratch(path)):
                world.index.set_fate(path, TIDY)
        after = paths[-1]
    found = sorted(run.hex() for run, seen in runs.items() if seen.restarted)
    if found != sorted(before):
        world.index.set_state(RESTARTED, found)


@dataclass
class Seen:
    """What is left of a run. `lives`: some of it; `restarted`: nothing of what was known, but something new."""

    lives: bool = False
    restarted: bool = False


def _look_at(world: World, run: bytes) -> Seen:
    number, there, new = world.index.folder_id(run), False, True
    for folder in world.index.below(number) if number is not None else ():
        try:
            entries = world.tree.entries(world.index.path_of(folder))
        except OSError:
            continue
        known = world.index.files(folder)
        for name, facts in entries:
            there |= kind(facts) in "fl"
            new &= name not in known or _is_another(known[name], facts.st_ino, facts.st_size)
    return Seen(there, there and new)


def _is_another(row: Row, ino: int, size: int) -> bool:
    """Whether a file was made anew, and not merely changed."""
    return row.ino != ino or size < row.size
