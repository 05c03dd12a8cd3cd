"""What of the data space the project wants here: all, or what its patterns say, and what was here once."""

from __future__ import annotations

from cloudify_scipion.agent.plan.patterns import selected
from cloudify_scipion.agent.work.world import World


def is_wanted(world: World, path: bytes, was_here: bool) -> bool:
    """Whether a file or link is to be pulled."""
    config = world.config
    plain = not config.include and not config.exclude
    return plain or was_here or selected(path, config.include, config.exclude)


def is_folder_wanted(world: World, path: bytes, was_here: bool) -> bool:
    """Not a folder of which nothing is pulled."""
    config = world.config
    return not config.include or was_here or selected(path + b"/x", config.include, config.exclude)
