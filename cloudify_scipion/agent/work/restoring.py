"""What is gone from the working copy and comes back from the data space, since a person wishes so."""

from __future__ import annotations

import os

from cloudify_scipion.agent.plan.names import base_of, conflict_name, whole_way
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.files import move_between
from cloudify_scipion.agent.ports.tables.changes import AGREED, HELD
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.download import download
from cloudify_scipion.agent.work.fetch import make_link, make_local_folder, restore
from cloudify_scipion.agent.work.manifests import entry_of
from cloudify_scipion.agent.work.questions import DELETIONS
from cloudify_scipion.agent.work.run import Run
from cloudify_scipion.agent.work.scratch import forget
from cloudify_scipion.agent.work.world import World

BESIDE = "beside"
"""What came back under other names, by those that it had, until what it was before is deleted."""


def restore_asked(run: Run) -> None:
    """Bring back what somebody wants back of what is gone; the rest waits for another answer."""
    world = run.world
    upto = world.index.answered(DELETIONS, "restore")
    for path in world.index.gone_as_asked(DELETIONS, upto) if upto else ():
        world.beat()
        row = world.index.get(path)
        if row is None or not row.held():
            continue
        world.index.set_fate(path, HELD)
        try:
            _restore(world, path, row)
        except OSError as error:
            run.fail(path, f"it cannot be brought back: {error.strerror}")
    if upto:
        world.tree.sync()
        world.keep()


def _restore(world: World, path: bytes, row: Row) -> None:
    """Under its name; where a file is in the place of a folder, or the reverse, it comes back beside that."""
    blocked = _blocked(world, path)
    if blocked:
        _restore_beside(world, path, row, blocked)
        world.index.set_fate(path, AGREED)  # what it was before is safe now
    else:
        restore(world, path, row)
        world.index.forget_gone(path)


def _blocked(world: World, path: bytes) -> bytes:
    """What of a path has something else in its place: a folder on the way, itself, or the database beside which it is.

    Empty if nothing has.
    """
    for above in list(whole_way(path))[:-1]:
        facts = world.tree.stat(above)
        if facts is None:
            return b""
        if kind(facts) != "d":
            return above
    return next((one for one in (base_of(path), path) if one and world.index.is_covered(one)), b"")


def _restore_beside(world: World, path: bytes, row: Row, blocked: bytes) -> None:
    names = world.index.get_state(BESIDE) or {}
    known = names.get(os.fsdecode(blocked))
    name = os.fsencode(known) if known else _free_name(world, blocked)
    if not known:
        world.index.set_state(BESIDE, {**names, os.fsdecode(blocked): os.fsdecode(name)})
        world.tell(f"{os.fsdecode(blocked)} comes back as {os.fsdecode(name)}, since something else has its name")
        world.keep()
    there = name + path[len(blocked) :]
    if world.tree.stat(there) is not None:
        return  # an earlier attempt was killed
    make_local_folder(world, there.rpartition(b"/")[0], 0o755)
    if row.kind == "l":
        make_link(world, row.target, there)
        return
    temporary, _, _ = download(world, row.stored or path, entry_of(path, row))
    try:
        move_between(world.state, temporary, world.tree, there)
    except OSError:
        forget(world, temporary)
        raise


def _free_name(world: World, path: bytes) -> bytes:
    """`PATH.restored-STAMP`, or with a number."""
    stamp, number = world.clock.stamp(), 1
    while world.tree.stat(name := conflict_name(path, stamp, number, "restored")) is not None:
        number += 1
    return name
