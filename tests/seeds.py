"""What tests draw by chance: the same all day, said at the end of every run, and repeated with a variable."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, MutableSequence, Sequence
from datetime import date
from typing import TypeVar

SEED, ORDER, ALL = "CLOUDIFY_SCIPION_SEED", "CLOUDIFY_SCIPION_ORDER", "CLOUDIFY_SCIPION_SOAK"
T = TypeVar("T")


def seed(environment: Mapping[str, str] = os.environ) -> str:
    """What decides today's samples: the date, or what the environment says."""
    return environment.get(SEED) or date.today().isoformat()


def sample(of: Sequence[T], number: int, environment: Mapping[str, str] = os.environ) -> Sequence[T]:
    """So many of them, others every day; all of them with CLOUDIFY_SCIPION_SOAK=1."""
    return of if environment.get(ALL) else random.Random(seed(environment)).sample(of, number)


def put_in_order(tests: MutableSequence[T], environment: Mapping[str, str] = os.environ) -> None:
    """Shuffle them where CLOUDIFY_SCIPION_ORDER gives a seed: no test may need what another one has left."""
    if order := environment.get(ORDER):
        random.Random(order).shuffle(tests)
