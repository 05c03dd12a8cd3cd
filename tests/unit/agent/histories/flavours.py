"""Kinds of histories: what happens in each of them beside the ordinary."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from hypothesis import strategies as st

from tests.unit.agent.histories import steps
from tests.unit.agent.histories.history import History, Step

MEMORY = "/dev/shm"


@dataclass(frozen=True)
class Flavour:
    """What may happen beside the ordinary, or in place of what people do; and what the data space is like."""

    more: steps.Steps = ()
    people: steps.Steps = (*steps.PEOPLE, *steps.WEB)
    kinds: tuple[str, ...] = ("usual",)


FLAVOURS = {
    "plain": Flavour(),
    "databases": Flavour((*steps.DATABASES, *steps.DATABASES)),
    "uploads": Flavour((*steps.UPLOADS, *steps.UPLOADS)),
    "backups": Flavour(steps.BACKUPS),
    "snapshots": Flavour(steps.SNAPSHOTS),
    "forks": Flavour(steps.FORKS),
    "full": Flavour(steps.FULL),
    "broken": Flavour(steps.BROKEN),
    "tiny trash": Flavour(people=steps.CHANGED, kinds=("tiny trash",)),
    "odd names": Flavour(people=steps.ODD, kinds=("case", "composed", "refusing")),
}
NOT_YET: dict[str, str] = {}
"""What the agent does not hold yet, and why."""
NAMES = tuple(name for name in FLAVOURS if name not in NOT_YET)


def drawn(name: str) -> st.SearchStrategy[list[Step]]:
    """The steps of a history."""
    flavour = FLAVOURS[name]
    kind = st.tuples(st.just("kind"), st.sampled_from(flavour.kinds))
    steps_of = st.lists(st.one_of(*flavour.people, *steps.MACHINES, *flavour.more), min_size=30, max_size=45)
    return st.builds(lambda first, others: [first, *others], kind, steps_of)


def live(history: Iterable[Step]) -> Counter[str]:
    """One history from its beginning to its end, in memory; returns its counts."""
    impatient = mock.patch("cloudify_scipion.agent.ports.databases.patience.FIRST_SECONDS", new=0.05)
    with impatient, tempfile.TemporaryDirectory(dir=MEMORY if Path(MEMORY).is_dir() else None) as folder:
        world = History(Path(folder))
        world.live(history)
        return world.counts
