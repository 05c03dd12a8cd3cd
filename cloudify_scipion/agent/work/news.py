"""News: what the manifest in the data space says and our index does not know, since one of the two was put back to an
earlier state, or copied. All of it is read before anything is saved.
"""

from __future__ import annotations

from cloudify_scipion.agent.plan.manifest import NONE, digest
from cloudify_scipion.agent.plan.news import Side, compare
from cloudify_scipion.agent.work.manifest_reading import read_manifest
from cloudify_scipion.agent.work.manifests import NEWS, begin_anew, get_head, is_due, is_own_remains
from cloudify_scipion.agent.work.segments import open_segment, sizes
from cloudify_scipion.agent.work.world import PULLED, World, again

_WHAT = {
    Side.NEWER: "this volume is an older copy: what was saved since is read first; "
    "what was deleted since is here again",
    Side.OLDER: "the data space is an older copy: all of it is compared, and saved again; "
    "what was deleted since is there again",
    Side.OTHER: "volume and data space were put back to earlier states, or copied: "
    "of each file the newer version counts",
}


def expect_news(world: World, anew: bool = False) -> None:
    """Look whether there are any. `anew`: who wrote there had our own name, so that numbers alone tell nothing."""
    if not world.index.get_state(PULLED):
        return
    found = sizes(world.space)
    if found and not all(found.values()) and not is_due(world.index):
        world.tell("the data space has lost a part of its manifest: it is written again", "alarm")
        begin_anew(world)
    head, last = get_head(world.index), max(found, default=0)
    if not anew and last == head.number + 1 and is_own_remains(world, last):
        return
    side = compare(head.number, head.digest if anew else NONE, list(found), lambda number: _digest_at(world, number))
    if side is not Side.SAME:
        world.index.set_state(NEWS, side.value)
        world.keep()


def _digest_at(world: World, number: int) -> str:
    def read() -> str:
        stream = open_segment(world.space, number)
        if stream is None:
            return ""
        with stream:
            return digest(stream)

    return again(read)


def side_of(world: World) -> Side:
    """On what side the data space is while there are news; SAME when there are none."""
    return Side(world.index.get_state(NEWS) or Side.SAME.value)


def read_news(world: World) -> Side:
    """Take over what the manifest says into the index's `base`, if there are news. The next segment begins anew."""
    side = side_of(world)
    if side is Side.SAME:
        return side
    world.tell(_WHAT[side], "alarm")
    world.index.forget_base()
    read_manifest(world)
    if side is not Side.NEWER:
        world.index.doubt_all()
    world.keep()
    return side


def forget_news(world: World) -> None:
    """All of them are settled."""
    if side_of(world) is not Side.SAME:
        world.index.forget_base()
        world.index.set_state(NEWS, None)
