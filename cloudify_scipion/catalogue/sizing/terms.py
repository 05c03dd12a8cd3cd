"""Numbers that are worked out, with all that went into them. The words are made where they are shown (`cli`)."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A number and where it comes from."""

    value: float
    source: str

    def times(self, unit: str) -> Factor:
        """It as a factor: so many of `unit`."""
        return Factor(self.value, unit, self.source)


@dataclass(frozen=True)
class Factor:
    """One number of a term: `value` of `unit`, or `value` `per` another, raised to `power`; below 0 it divides.

    `source` says where it comes from, `label` what goes before it; `shown` is the format of the digits that mean
    something.
    """

    value: float
    unit: str = ""
    source: str = ""
    label: str = ""
    power: int = 1
    per: float = 1
    shown: str = ""

    @property
    def amount(self) -> float:
        """What the term is multiplied by."""
        return float((self.value / self.per) ** self.power)


@dataclass(frozen=True)
class Term:
    """A number, and the factors that it is the product of.

    `unit` is what the factors come to before the `later` ones; empty where that is not worth saying. `missing` names
    what would have to be known for better ones.
    """

    value: float
    factors: tuple[Factor, ...]
    unit: str = ""
    later: tuple[Factor, ...] = ()
    source: str = ""
    missing: str = ""

    @property
    def before_later(self) -> float:
        """What the factors come to, in `unit`."""
        return self.value / math.prod(factor.amount for factor in self.later)


def product(
    *factors: Factor, scale: float = 1, unit: str = "", later: tuple[Factor, ...] = (), source: str = ""
) -> Term:
    """The term of some factors, in a unit that is `scale` times theirs."""
    value = scale * math.prod(factor.amount for factor in (*factors, *later))
    return Term(value, factors, unit, later, source)


def counted(number: int, one: str, many: str = "") -> Factor:
    """So many things."""
    return Factor(number, one if number == 1 else many or f"{one}s")
