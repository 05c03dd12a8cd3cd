"""The works by their names; each gives back what its result tells everybody."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.errors import Temporary, Unsaved
from cloudify_scipion.agent.plan.names import readable
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.pull import pull
from cloudify_scipion.agent.work.pull.find_new import Pulled as Pulled
from cloudify_scipion.agent.work.pull.pull import know_again
from cloudify_scipion.agent.work.push import push
from cloudify_scipion.agent.work.seal import seal, verify
from cloudify_scipion.agent.work.world import PULLED as COMPLETE
from cloudify_scipion.agent.work.world import World

PULLED = "pulled"
"""For systemd: with this file the timers have something to do."""


def _push(world: World) -> dict[str, Any]:
    _know_again(world)
    result = push.push(world)
    return {"files": result.files, "bytes": result.size, "deleted": result.deleted, "moved": result.moved,
            "busy": result.busy, "held": result.held, "conflicts": result.conflicts,
            "special": [readable(os.fsdecode(path)) for path in result.special]}  # fmt: skip


def _pull(world: World) -> dict[str, Any]:
    try:
        return _pulled(pull.pull(world))
    finally:
        if world.index.get_state(COMPLETE):  # though not all that is there could be read
            _note_pulled(world.config.state / PULLED)


def _note_pulled(path: Path) -> None:
    try:
        path.touch()
    except OSError as error:
        raise Temporary(
            f"nothing is saved by itself, since {path} cannot be made: {error.strerror}",
            "the operator looks at the volume; then repair the project",
        ) from error


def _know_again(world: World) -> None:
    """The first pull was complete, but the index that knew it is gone."""
    if not world.index.get_state(COMPLETE) and (world.config.state / PULLED).exists():
        know_again(world)


def _scan(world: World) -> dict[str, Any]:
    _know_again(world)
    push.ready(world)
    return _pulled(pull.scan(world))


def _pulled(result: Pulled) -> dict[str, Any]:
    return {"files": result.files, "bytes": result.size, "conflicts": result.conflicts, "lost": result.lost}


def _verify(world: World) -> dict[str, Any]:
    push.ready(world)
    lease.renew(world)
    result = verify.verify(world)
    if result.wrong:
        shown = "; ".join(f"{os.fsdecode(path)}: {reason}" for path, reason in result.wrong[:10])
        raise Unsaved(f"{len(result.wrong)} files are not in the data space as they are here: {shown}", "push again")
    return {"files": result.files, "bytes": result.size}


def _seal(world: World) -> dict[str, Any]:
    push.ready(world)
    return asdict(seal.seal(world))


WORKS: dict[str, Callable[[World], dict[str, Any]]] = {
    "pull": _pull, "push": _push, "scan": _scan, "verify": _verify, "seal": _seal,
}  # fmt: skip
