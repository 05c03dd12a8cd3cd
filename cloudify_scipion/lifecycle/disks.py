"""Disks of a machine that are nearly full: its own and the volume, told before a step dies of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cloudify_scipion.lifecycle.layout import TARGET
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record

NEARLY_FULL, FULL = 90, 99
"""Percent in use: from the first it is told, from the second on steps that write fail."""


@dataclass(frozen=True)
class FullDisk:
    """A disk that is nearly full; `left` in bytes, or in files (`counts_files`): it may hold no more of either."""

    name: str
    percent: int
    left: int
    counts_files: bool = False

    def __str__(self) -> str:
        full, left = "FULL, steps that write fail", f"{self.left / 1e9:.1f} GB left"
        if self.counts_files:
            full, left = "FULL OF FILES, steps that make one fail", f"room for {self.left} more files"
        return f"{self.name}: {full if self.percent >= FULL else f'{self.percent} % full'}, {left}"


def full_disks(services: Services, record: Record) -> list[FullDisk]:
    """The machine's disks that are nearly full. Raises ScipionError where the machine does not answer."""
    names = {"/": f"the root disk of machine {record.machine}", TARGET: f"volume {record.volume} (ScipionUserData)"}
    words = ["df", "-B1", "--output=used,avail,iused,iavail,target", *names]
    told = services.connect(record).run(words, expect=range(128)).stdout.splitlines()[1:]
    found = [disk for line in told for disk in _disks(names, *line.split(maxsplit=4))]
    return [disk for disk in found if disk.percent >= NEARLY_FULL]


def _disks(names: Mapping[str, str], used: str, left: str, files: str, more: str, target: str) -> Iterator[FullDisk]:
    if target in names:
        yield _disk(names[target], int(used), int(left), False)
        if more.isdecimal():  # some file systems count no files
            yield _disk(names[target], int(files), int(more), True)


def _disk(name: str, used: int, left: int, counts_files: bool) -> FullDisk:
    return FullDisk(name, -(-used * 100 // max(1, used + left)), left, counts_files)
