"""Comparing versions, and ranges of them such as `>=3.8,<3.12`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


def in_range(version: str, wanted: str) -> bool:
    """Whether a version such as `3.11` is in a range such as `>=3.8,<3.12`; an empty range has all."""
    return all(_holds(version, sign, bound) for sign, bound in _bounds(wanted))


def reaches(version: str, wanted: str) -> bool:
    """Whether a version is not too old for a range: only its lower bounds count."""
    lower = [bound for sign, bound in _bounds(wanted) if not sign.startswith("<")]
    return all(_holds(version, ">=", bound) for bound in lower)


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Orders versions: numbers by value, text before numbers."""
    parts = re.findall(r"[0-9]+|[A-Za-z]+", version)
    digits = [part.lstrip("0") if part.isdigit() else "" for part in parts]
    return tuple(
        (1, len(number), number) if part.isdigit() else (0, 0, part) for part, number in zip(parts, digits, strict=True)
    )


def _bounds(wanted: str) -> list[tuple[str, str]]:
    return re.findall(r"(>=|<=|==|>|<)([0-9.]+)", wanted)


def _holds(version: str, sign: str, bound: str) -> bool:
    return _COMPARE[sign](_numbers(version), _numbers(bound))


def _numbers(version: str) -> tuple[int, ...]:
    """`3.10.0` as (3, 10): trailing zeros do not count."""
    numbers = [int(part) for part in re.findall(r"[0-9]+", version)]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
