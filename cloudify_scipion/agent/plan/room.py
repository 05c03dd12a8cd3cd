"""When a data space is nearly full: with little of it left, or less than the project changes in a day. Sizes: bytes."""

from __future__ import annotations

from dataclasses import dataclass

from cloudify_scipion.agent.plan.trash import DAY


@dataclass(frozen=True)
class Changed:
    """What was saved on a day and on the day before; days are counted in lived seconds."""

    day: int = 0
    today: int = 0
    before: int = 0

    def with_more(self, size: int, now: float) -> Changed:
        """What was saved when it is so much more."""
        day = int(now // DAY)
        if day == self.day:
            return Changed(day, self.today + size, self.before)
        return Changed(day, size, self.today if day == self.day + 1 else 0)

    def in_a_day(self) -> int:
        """How much the project changes in a day."""
        return max(self.today, self.before)


def is_low(free: int, whole: int, percent: int, changed: int) -> bool:
    """Whether somebody has to make room soon; where nobody knows what is free (0 of 0, or 0), nothing is said."""
    return whole > 0 and free > 0 and free < max(whole * percent // 100, changed)
