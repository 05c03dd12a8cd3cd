"""What a pull or scan did."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloudify_scipion.agent.errors import NoRoom, Unsaved, first_of


@dataclass
class Result:
    """What a pull or scan did."""

    files: int = 0
    size: int = 0
    conflicts: int = 0
    lost: int = 0
    unfit: int = 0
    """How many of the `failed` do not fit the volume."""
    crowded: bool = False
    """Whether the volume became full."""
    failed: list[tuple[bytes, str]] = field(default_factory=list)


def must_be_complete(result: Result, next_step: str) -> None:
    """Raise Unsaved if some files could not be pulled, NoRoom if all of them do not fit."""
    told = f"{len(result.failed)} files could not be pulled: {first_of(result.failed)}"
    if result.failed and result.unfit == len(result.failed):
        raise NoRoom(told, "ask for a larger volume, or make room; all else is here")
    if result.failed:
        raise Unsaved(told, next_step)
