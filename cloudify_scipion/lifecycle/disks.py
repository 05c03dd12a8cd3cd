"""Disks of a machine that are nearly full: its own and the volume, told before a step dies of it."""

from __future__ import annotations

from dataclasses import dataclass

from cloudify_scipion.lifecycle.facts import TARGET
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record

NEARLY_FULL, FULL = 90, 99
"""Percent in use: from the first it is told, from the second on steps that write fail."""


@dataclass(frozen=True)
class FullDisk:
    """A disk that is nearly full; `left` in bytes."""

    name: str
    percent: int
    left: int

    def __str__(self) -> str:
        word = "FULL, steps that write fail" if self.percent >= FULL else f"{self.percent} % full"
        return f"{self.name}: {word}, {self.left / 1e9:.1f} GB left"


def full_disks(services: Services, record: Record) -> list[FullDisk]:
    """The machine's disks that are nearly full. Raises ScipionError where the machine does not answer."""
    names = {"/": f"the root disk of machine {record.machine}", TARGET: f"volume {record.volume} (ScipionUserData)"}
    words = ["df", "-B1", "--output=used,avail,target", *names]
    told = services.connect(record).run(words, expect=range(128)).stdout.splitlines()[1:]
    found = (_disk(names.get(line.split(maxsplit=2)[2], ""), *map(int, line.split()[:2])) for line in told)
    return [disk for disk in found if disk.name and disk.percent >= NEARLY_FULL]


def _disk(name: str, used: int, left: int) -> FullDisk:
    return FullDisk(name, -(-used * 100 // max(1, used + left)), left)
