"""One push: the ports, what the data space can do, and what has been done so far."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.plan.abilities import Abilities
from cloudify_scipion.agent.work.place import Outcome
from cloudify_scipion.agent.work.trash import note_trash
from cloudify_scipion.agent.work.world import World

LEFT = "left"
"""What was told of what could not be cleaned up."""


@dataclass
class Result:
    """What a push did. `failed` are the files that could not be saved, with the reason."""

    files: int = 0
    size: int = 0
    counted: int = 0
    """Bytes of it that count already as saved on this day."""
    deleted: int = 0
    moved: int = 0
    busy: int = 0
    waiting: int = 0
    """Files that wait in folders in whose places a held file was."""
    held: int = 0
    conflicts: int = 0
    failed: list[tuple[bytes, str]] = field(default_factory=list)
    special: list[bytes] = field(default_factory=list)
    restored: list[bytes] = field(default_factory=list)
    odd: list[bytes] = field(default_factory=list)
    wrote: bool = False
    left: list[str] = field(default_factory=list)
    """What could not be cleaned up there."""
    rest: bool = False
    """Whether large files wait while what is new is looked for."""
    crowded: int = 0
    """How many of the `failed` are for lack of room."""
    full: AgentError | None = None
    """Why nothing more could be sent, while the rest of the work went on."""

    def again(self) -> None:
        """A new round: what was done counts, and what failed is tried."""
        self.failed, self.restored, self.rest, self.full = [], [], False, None
        self.busy = self.waiting = self.held = self.crowded = 0


@dataclass
class Asked:
    """When the data space was last found to take what is written."""

    at: float = float("-inf")


@dataclass(frozen=True)
class Run:
    """What the parts of a push share. `final`: nobody writes any more; `made`: folders that are known to be there."""

    world: World
    able: Abilities
    final: bool = False
    result: Result = field(default_factory=Result)
    made: set[bytes] = field(default_factory=lambda: {b""})
    asked: Asked = field(default_factory=Asked)

    def note(self, outcome: Outcome) -> None:
        """Something has changed in the data space."""
        self.wrote()
        note_trash(self.world, outcome.trash)
        self.result.conflicts += len(outcome.conflicts)

    def wrote(self) -> None:
        """The index may say so once that is on stable storage."""
        self.result.wrote = self.world.unsettled = True

    def left(self, path: bytes, reason: str) -> None:
        """Something could not be cleaned up in the data space: no content is at stake, so it is only told, once."""
        text = f"{os.fsdecode(path)} in the data space: {reason}"
        if text not in self.world.index.get_state(LEFT, []):
            self.world.tell(text, "alarm")
        self.result.left.append(text)

    def fail(self, path: bytes, reason: str, room: bool = False) -> None:
        """A file or folder could not be saved; for lack of `room`?"""
        self.result.failed.append((path, reason))
        self.result.crowded += room
