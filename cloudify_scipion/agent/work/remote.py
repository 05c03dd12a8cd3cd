"""Pull and scan: what is new in the data space comes into the working copy. Nothing that is there is ever replaced."""

from __future__ import annotations

from cloudify_scipion.agent.work import lease
from cloudify_scipion.agent.work.apply_base import apply_base
from cloudify_scipion.agent.work.manifest_reading import read_manifest
from cloudify_scipion.agent.work.moves import settle_move
from cloudify_scipion.agent.work.pulled import Result, must_be_complete
from cloudify_scipion.agent.work.push import DIRTY, clear_remains
from cloudify_scipion.agent.work.reconcile import reconcile
from cloudify_scipion.agent.work.space import check_space, open_space
from cloudify_scipion.agent.work.space_room import watch_room
from cloudify_scipion.agent.work.trash import know_trash
from cloudify_scipion.agent.work.uploads import BOOT
from cloudify_scipion.agent.work.world import PULLED, World, check_volume

_BY_SCAN = "they are tried again by the next scan"


def pull(world: World) -> Result:
    """Take the lease and the first copy; later, and where the index was lost, what is new. Resumable."""
    check_volume(world.config, world.tree, world.state)
    if world.index.get_state(PULLED):
        check_space(world)  # an empty folder where it should be mounted would be taken for a new one
    lease.acquire(world)
    open_space(world)
    world.index.set_state(DIRTY, True)
    clear_remains(world)
    if not world.index.get_state(PULLED):
        _know_the_boot(world)
        read_manifest(world)
    know_trash(world)
    result = reconcile(world)
    _finish_pull(world, result)
    return result


def _know_the_boot(world: World) -> None:
    """What a crash empties is not taken for the user's own: also where nobody knows what was before the index."""
    if world.index.get_state(BOOT) is None:
        world.index.set_state(BOOT, "" if world.tree.names(b"") else world.clock.boot())


def scan(world: World) -> Result:
    """What is new in the data space is pulled, what was changed on both sides kept twice, what is gone there told."""
    check_volume(world.config, world.tree, world.state)
    check_space(world)
    lease.renew(world)
    settle_move(world)
    know_trash(world)
    watch_room(world, 0)
    result = reconcile(world)
    must_be_complete(result, _BY_SCAN)
    return result


def _finish_pull(world: World, result: Result) -> None:
    first = not world.index.get_state(PULLED)
    if first:
        apply_base(world, result)
    must_be_complete(result, "pull again; nothing is saved until then" if first else _BY_SCAN)
    world.tree.sync()
    world.index.set_state(PULLED, True)
    world.index.forget_base()
    world.keep()
