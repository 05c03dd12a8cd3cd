"""What a pull or scan did."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloudify_scipion.agent.errors import Unsaved, first_of


@dataclass
class Result:
    """What a pull or scan did."""

    files: int = 0
    size: int = 0
    conflicts: int = 0
    lost: int = 0
    failed: list[tuple[bytes, str]] = field(default_factory=list)


def must_be_complete(result: Result, next_step: str) -> None:
    """Raise Unsaved if some files could not be pulled."""
    if result.failed:
        raise Unsaved(f"{len(result.failed)} files could not be pulled: {first_of(result.failed)}", next_step)
