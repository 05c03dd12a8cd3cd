"""The agent's own folder on the volume for what is not finished. What fails there is told with that folder's path.

Nothing in it is needed after a work: whatever stays there is removed by the next push.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from cloudify_scipion.agent.plan.names import BESIDE, joined
from cloudify_scipion.agent.work.world import World

SCRATCH = b"tmp"
ENDS = ("", *(end.decode() for end in BESIDE))


def folder(world: World) -> str:
    """Where it is."""
    return os.path.join(os.fsdecode(world.state.path), os.fsdecode(SCRATCH))  # noqa: PTH118 - no object for each file


@contextlib.contextmanager
def naming(world: World) -> Iterator[None]:
    """Errors of what is done in it name it. Raises OSError."""
    try:
        yield
    except OSError as error:
        error.strerror = f"{error.strerror or error}, in {folder(world)}"
        raise


def forget(world: World, temporary: bytes) -> None:
    """Remove an unfinished file that is not needed any more."""
    with contextlib.suppress(OSError):
        world.state.unlink(temporary)


def clear(world: World) -> None:
    """Remove what a killed work has left there. What cannot be is in nobody's way; who needs the folder names it."""
    with contextlib.suppress(OSError):
        for name in world.state.names(SCRATCH):
            forget(world, joined(SCRATCH, name))


@contextlib.contextmanager
def copied(world: World, begin: str = "") -> Iterator[Path]:
    """A name for a copy of a database, which is removed in the end, and what SQLite may have put beside it."""
    copy = Path(folder(world), f"{begin}{world.session.nonce()}")
    try:
        yield copy
    finally:
        remove_copy(copy)


def remove_copy(copy: Path) -> None:
    """A copy of a database, and what lies beside it."""
    for end in ENDS:
        with contextlib.suppress(OSError):
            Path(f"{copy}{end}").unlink(missing_ok=True)
