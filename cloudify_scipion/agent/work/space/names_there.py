"""Names that the data space refuses, or cannot tell apart: what came first keeps its place; and its folders."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn, TypeVar

from cloudify_scipion.agent.plan.abilities import Abilities
from cloudify_scipion.agent.plan.names import joined, odd_path, split, whole_way
from cloudify_scipion.agent.plan.spelling import folded
from cloudify_scipion.agent.ports.calls import close_read
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.read_tree import NOTHING, ReadTree
from cloudify_scipion.agent.ports.tables.rows import ODDLY, THERE
from cloudify_scipion.agent.work.space.probe import abilities, learn_folding
from cloudify_scipion.agent.work.world import World

_REFUSED = (errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG, errno.ENOTSUP, errno.EMLINK)
"""What file systems say to names, depths and paths that they cannot hold."""
SURE = 2
"""So often it must be said of a name: a passing fault says it once."""
Answer = TypeVar("Answer")
Item = TypeVar("Item")


class NameRefused(OSError):
    """The data space cannot hold a folder's name: all that is below it has odd places."""


def is_refused(error: OSError) -> bool:
    """Whether a data space says so of a name, a depth or a path."""
    return error.errno in _REFUSED


def surely(do: Callable[[], Answer]) -> Answer:
    """Do it again where the data space refuses the name, until that is sure. Raises OSError."""
    for _ in range(SURE - 1):
        try:
            return do()
        except OSError as error:
            if not is_refused(error):
                raise
    return do()


def each_apart(
    world: World, do: Callable[[Item], Answer], items: Iterable[Item], path_of: Callable[[Item], bytes]
) -> Iterator[tuple[Item, Answer | OSError]]:
    """As `world.each`, but never two at once whose paths a data space may take for one.

    Where it can only look first and rename then, both would find the place free, and the second replace the first.
    """
    alike: list[Item] = []
    seen: set[bytes] = set()
    first: list[Item] = []
    for item in items:
        key = folded(path_of(item))
        (alike if key in seen else first).append(item)
        seen.add(key)
    yield from world.each(do, first)
    for item in alike:
        yield from world.each(do, [item])


def twin_of(world: World, path: bytes) -> bytes | None:
    """What has the place of `path` in the data space under another name, None if there is no such thing.

    Where something is there, it is either at exactly this name, or one name stands for both. Raises OSError where it is
    not there at all: what a client remembers of a name that others have taken away proves nothing of names.
    """
    folder, name = split(path)
    there = set(world.space.names(folder))
    twins = [other for other in world.index.folders.names_there(folder) | there if _are_one(name, other, there)]
    if not twins and name in there:
        return None
    if not twins and not _opens(world.space, path):
        raise OSError(errno.ESTALE, "others have taken it away, and the data space's client does not know it yet")
    learn_folding(world)
    return joined(folder, min(twins, default=name))


def _opens(space: ReadTree, path: bytes) -> bool:
    """Whether something is at a path: its facts may be remembered, its content is asked of the space itself."""
    facts = space.stat(path)
    try:
        match kind(facts) if facts is not None else "":
            case "d":
                space.names(path)
            case "l":
                space.readlink(path)
            case "f":
                close_read(space.open(path))
    except OSError as error:
        if error.errno in NOTHING:
            return False
        raise
    return facts is not None


def _are_one(name: bytes, other: bytes, there: set[bytes]) -> bool:
    return other != name and folded(other) == folded(name) and not {name, other} <= there


def place_of(path: bytes, able: Abilities) -> bytes:
    """Where a file's content lies if the space cannot hold its name; empty if it can."""
    return b"" if able.names.hold(path) else odd_path(path)


def place_for(world: World, path: bytes) -> bytes:
    """Where a file's content lies; all below a folder whose name turned out to be impossible has odd places, too."""
    oddly = world.index.folders.is_oddly(split(path)[0])
    return odd_path(path) if oddly else place_of(path, abilities(world))


def ensure_folder(world: World, path: bytes, made: set[bytes]) -> None:
    """Make a folder of the working copy in the data space, and those above it. `made` remembers which are there.

    Raises NameRefused if the data space cannot hold its name, or cannot tell it from another one.
    """
    for above in whole_way(path) if path and path not in made else ():
        if above not in made:
            _ensure_one(world, above)
            made.add(above)


def _ensure_one(world: World, path: bytes) -> None:
    number = world.index.folders.add(path)
    if world.index.folders.get(number).remote:
        return
    if world.index.folders.get(number).odd or place_of(path, abilities(world)):
        refuse_folder(world, number, path)
    facts = world.tree.stat(path)
    mode = facts.st_mode & 0o777 | 0o700 if facts else 0o755
    try:
        new = surely(lambda: world.space.mkdir(path, mode))
    except OSError as error:
        if not is_refused(error):
            raise
        refuse_folder(world, number, path)
    if not new and twin_of(world, path) is not None:
        refuse_folder(world, number, path)
    if new and (owner := abilities(world).owner):
        world.space.chown_link(path, *owner)
    world.session.unsettled = True
    world.index.folders.update(number, remote=THERE)
    world.index.journal.note(path)


def refuse_folder(world: World, number: int, path: bytes) -> NoReturn:
    """Know that the data space cannot hold a folder's name. Raises NameRefused."""
    world.index.folders.update(number, remote=ODDLY)
    world.index.journal.note(path)
    raise NameRefused(errno.EINVAL, "the data space cannot hold this name", os.fsdecode(path))
