"""docs/benchmarks.md out of samples. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

HEAD = """# Benchmarks

Written by `{command}`; do not edit. Every figure is the median of its runs; each part says the commit, the time
and the load average that it was measured at.

{machine}
"""


@dataclass(frozen=True)
class Figure:
    """One measured thing: its samples in `unit` ("s", or "" for a ratio or a number), and its limit if it has one."""

    name: str
    samples: Sequence[float]
    unit: str = "s"
    limit: float | None = None
    value: float | None = None
    """Where the figure is not the median of the samples."""

    @property
    def figure(self) -> float:
        """The figure to compare with the limit."""
        return median(self.samples) if self.value is None else self.value

    @property
    def verdict(self) -> str:
        """`ok` or `missed`, or nothing without a limit."""
        if self.limit is None:
            return ""
        return "ok" if self.figure <= self.limit else "missed"


@dataclass(frozen=True)
class Part:
    """A part of the benchmark. `load` is the load average of the minute before and of the minute at its end."""

    name: str
    title: str
    command: str
    commit: str = ""
    date: str = ""
    load: tuple[float, float] = (0.0, 0.0)
    figures: Sequence[Figure] = ()
    notes: Sequence[str] = field(default=())


def document(machine: str, parts: Sequence[Part], command: str = "make bench") -> str:
    """The whole page."""
    return "\n".join([HEAD.format(machine=machine, command=command), *(_section(part) for part in parts)])


def to_json(parts: Mapping[str, Part]) -> dict[str, Any]:
    """Parts as plain JSON types."""
    return {name: asdict(part) for name, part in parts.items()}


def from_json(document: Mapping[str, Any]) -> dict[str, Part]:
    """The reverse of `to_json`."""
    return {name: _part(values) for name, values in document.items()}


def _part(values: Mapping[str, Any]) -> Part:
    figures = [Figure(**figure) for figure in values["figures"]]
    return Part(**{**values, "figures": figures, "load": tuple(values["load"])})


def _section(part: Part) -> str:
    lines = [
        f"## {part.title}",
        "",
        f"`{part.command}` · commit {part.commit} · {part.date} · load {part.load[0]:.1f} to {part.load[1]:.1f}",
        "",
        "| what | median | runs | limit | |",
        "|---|---|---|---|---|",
        *(_row(figure) for figure in part.figures),
        "",
        *(f"{note}\n" for note in part.notes),
    ]
    return "\n".join(lines)


def _row(figure: Figure) -> str:
    limit = "" if figure.limit is None else _value(figure.limit, figure.unit, "g")
    runs = ", ".join(_number(sample) for sample in figure.samples)
    cells = (figure.name, _value(figure.figure, figure.unit), runs, limit, figure.verdict)
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def _value(value: float, unit: str, form: str = "") -> str:
    return f"{value:{form}} {unit}".strip() if form else f"{_number(value)} {unit}".strip()


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}" if value < 10 else f"{value:.1f}"
