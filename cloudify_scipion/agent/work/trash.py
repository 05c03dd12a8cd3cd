"""The trash in the data space: what was replaced or deleted there, within limits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from cloudify_scipion.agent.plan.names import TRASH, joined, origin_of, path_in_trash, split
from cloudify_scipion.agent.plan.sizes import shown
from cloudify_scipion.agent.plan.trash import DAY, Budget, Version, going, limit_for
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.trash import Kept
from cloudify_scipion.agent.work.questions import TRASH as TRASH_FULL
from cloudify_scipion.agent.work.questions import ask_trash
from cloudify_scipion.agent.work.thrown import Thrown
from cloudify_scipion.agent.work.world import World, again

OVER, STUCK = "trash-over", "trash-stuck"
"""Kinds that were told to be over the limit, and why something could not be removed."""
KINDS = {
    "originals": "originals that do not expire",
    "strangers": "files of others that do not expire",
    "project": "versions that are younger than their minimum age",
}


def note_trash(world: World, thrown: Iterable[Thrown]) -> None:
    """Know what was moved there."""
    for one in thrown:
        world.index.add_trash(
            Kept(one.name, one.path, one.size, one.origin, world.lived(), world.clock.boot(), world.clock.iso(),
                 one.gone, one.beyond)
        )  # fmt: skip


def know_trash(world: World) -> None:
    """Know what lies there: what a killed work has left, or an index that was lost, and not what others took away.

    What was not known counts as new, in the order of its names: nobody knows how long it has been there.
    """
    folders, now = _folders(world), world.lived()
    if folders is None:
        return
    for folder in folders:
        try:
            there = set(again(lambda folder=folder: world.space.names(folder)))  # type: ignore[misc]
        except OSError:
            continue  # gone, or it cannot be looked at now: what is known of it stays known
        known = world.index.trash_names(folder)
        for name in sorted(joined(folder, name) for name in there):
            if name not in known:
                _know(world, name, now)
        for name in known:
            if split(name)[1] not in there:
                world.index.drop_trash(name)
    for kept in list(world.index.trash_elsewhere(folders)):
        world.index.drop_trash(kept)
    world.keep()


def _folders(world: World) -> list[bytes] | None:
    """None where it cannot be looked at now."""
    try:
        return [joined(TRASH, name) for name in again(lambda: world.space.names(TRASH))]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        return None


def _know(world: World, name: bytes, now: float) -> None:
    facts = None
    with contextlib.suppress(OSError):
        facts = again(lambda: world.space.stat(name))
    if facts is not None and kind(facts) in "fl":
        world.index.add_trash(Kept(name, path_in_trash(name), facts.st_size, origin_of(name), now))


def budget(world: World) -> Budget:
    """What the trash can take of the project's own versions."""
    used, old = world.index.counted_trash(world.lived() - world.config.trash_days * DAY)
    return Budget(limit(world), used, old)


def limit(world: World) -> int:
    """How much the trash may hold of each kind: little, where the data space is small."""
    return limit_for(world.config.trash_bytes, world.space.room()[1])


def prune(world: World) -> None:
    """Over the limit, versions that we wrote go when they are old enough, oldest first. All else stays; it is told."""
    if not world.index.trash_end():
        return
    most = limit(world)
    throw(world, going(world.index.expendable(), *_ages(world)), world.index.trash_bytes("project") - most)
    over = {of: size - most for of in KINDS if (size := world.index.trash_bytes(of)) > most}
    for of, size in over.items():
        if of not in (world.index.get_state(OVER) or ()):
            world.tell(f"the trash in the data space is {shown(size)} over its limit with {KINDS[of]}", "alarm")
    world.index.set_state(OVER, list(over))
    world.keep()


def _ages(world: World) -> tuple[float, float]:
    return world.lived(), world.config.trash_days * DAY


def throw(world: World, versions: Iterable[Version], need: int) -> int:
    """Remove them from the trash until so many bytes went; returns how many did. What cannot be removed stays there."""
    freed, stuck = 0, list[OSError]()
    for version in versions:
        if freed >= need:
            break
        world.beat()
        try:
            again(lambda name=version.name: world.space.unlink(name))  # type: ignore[misc]
        except OSError as error:
            stuck.append(error)
            continue
        world.index.drop_trash(version.name)
        freed += version.size
        _leave(world, split(version.name)[0])
    _tell_stuck(world, stuck)
    return freed


def _tell_stuck(world: World, stuck: list[OSError]) -> None:
    """Told once, as long as it is so."""
    why = stuck[0].strerror if stuck else ""
    if why != (world.index.get_state(STUCK) or ""):
        world.index.set_state(STUCK, why)
        if why:
            world.tell(f"{len(stuck)} files of the trash in the data space cannot be removed: {why}", "alarm")


def _leave(world: World, folder: bytes) -> None:
    """A folder of the trash goes with the last file in it."""
    if not world.index.trash_names(folder):
        world.made.discard(folder)
        with contextlib.suppress(OSError):
            world.space.rmdir(folder)


def make_room(world: World, need: int) -> int:
    """The data space is full: what is old enough goes, oldest first, and with a person's word what is younger.

    Returns the bytes that went; where that is less than `need`, somebody is asked.
    """
    now, minimum = _ages(world)
    freed = throw(world, going(world.index.expendable(), now, minimum), need)
    upto = world.index.answered(TRASH_FULL, "discard")
    if upto:
        freed += throw(world, world.index.expendable(upto), need - freed)
        world.index.settled(TRASH_FULL)
        world.index.set_state(TRASH_FULL, None)  # where it was not enough, the next question need not wait for a day
    if freed < need:
        ask_trash(world, need - freed)
    world.keep()
    return freed
