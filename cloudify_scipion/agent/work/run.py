"""One push: the ports, what the data space can do, and what has been done so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloudify_scipion.agent.work.place import Outcome
from cloudify_scipion.agent.work.space import Abilities
from cloudify_scipion.agent.work.trash import note_trash
from cloudify_scipion.agent.work.world import World


@dataclass
class Result:
    """What a push did. `failed` are the files that could not be saved, with the reason."""

    files: int = 0
    size: int = 0
    deleted: int = 0
    moved: int = 0
    busy: int = 0
    held: int = 0
    conflicts: int = 0
    failed: list[tuple[bytes, str]] = field(default_factory=list)
    special: list[bytes] = field(default_factory=list)
    restored: list[bytes] = field(default_factory=list)
    wrote: bool = False


@dataclass(frozen=True)
class Run:
    """What the parts of a push share. `final`: nobody writes any more; `made`: folders that are known to be there."""

    world: World
    able: Abilities
    final: bool = False
    result: Result = field(default_factory=Result)
    made: set[bytes] = field(default_factory=lambda: {b""})

    def note(self, outcome: Outcome) -> None:
        """Something has changed in the data space."""
        self.wrote()
        note_trash(self.world, outcome.trash)
        self.result.conflicts += len(outcome.conflicts)

    def wrote(self) -> None:
        """The index may say so once that is on stable storage."""
        self.result.wrote = self.world.unsettled = True

    def fail(self, path: bytes, reason: str) -> None:
        """A file or folder could not be saved."""
        self.result.failed.append((path, reason))
