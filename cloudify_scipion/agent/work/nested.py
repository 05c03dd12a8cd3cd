"""Folders of other projects inside ours: nobody's data but theirs, so neither pulled nor saved."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from cloudify_scipion.agent.errors import GuardFailed
from cloudify_scipion.agent.plan.names import RESERVED, joined
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.work.world import PULLED, World

NESTED = "nested"
_MARK = b"space.json"


class Nested(OSError):
    """A folder that belongs to another project."""


def is_project(space: ReadTree, folder: bytes, entries: Iterable[tuple[bytes, os.stat_result]]) -> bool:
    """Whether a folder with these entries is that of a project: it has our own folder in it, with the mark."""
    if not any(name == RESERVED and kind(facts) == "d" for name, facts in entries):
        return False
    try:
        return space.stat(joined(joined(folder, RESERVED), _MARK)) is not None
    except OSError:
        return True


def refuse_or_tell(world: World, nested: Sequence[bytes]) -> None:
    """Before the first copy is complete raise GuardFailed; what comes later is only told, once."""
    names = [os.fsdecode(path) for path in sorted(nested)]
    if names and not world.index.get_state(PULLED):
        raise GuardFailed(
            f"the folder of another project lies in this project's: {', '.join(names[:10])}",
            "name another folder of the data space in data.project.source: each project has one of its own",
        )
    told = world.index.get_state(NESTED, [])
    for name in names:
        if name not in told:
            world.tell(f"{name} in the data space is the folder of another project: it is left alone", "alarm")
    if names != told:
        world.index.set_state(NESTED, names)
