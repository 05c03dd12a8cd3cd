"""An index that was lost, or put aside since it was damaged, is made anew by a pull: by the next work that needs it."""

from __future__ import annotations

from dataclasses import replace

from cloudify_scipion.agent.plan.names import generation_of
from cloudify_scipion.agent.work.holders import foreign, holders, own_holder
from cloudify_scipion.agent.work.remote import pull
from cloudify_scipion.agent.work.space import check_space
from cloudify_scipion.agent.work.world import PULLED, World, check_volume

UPGRADED = "upgraded"
"""In the index: the one before was of another version of this software."""


def know_again(world: World) -> None:
    """Compare all with the data space by content, where that is complete and only the index does not know it.

    Nobody has decided here that this machine may write, as a repair has. So the lease must be its own, as the data
    space shows it; else LeaseForeign.
    """
    if world.index.get_state(PULLED):
        return
    check_volume(world.config, world.tree, world.state)
    check_space(world)
    own, held = own_holder(world), holders(world)
    mine = [replace(own, generation=generation_of(lease.name)).name() for lease in held]
    if not held or mine != [lease.name for lease in held]:
        raise foreign(world, own, held)
    if not world.index.get_state(UPGRADED):
        world.tell(
            "the agent's index was lost or damaged: all is compared with the data space by content, then saving goes "
            "on",
            "alarm",
        )
    world.keep()
    pull(world)
