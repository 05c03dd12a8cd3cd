"""The listing of the data space, in the index; what a killed work has listed stays listed for a while.

What is listed under a name that the data space takes for one of ours is ours. Folders of other projects inside ours are
nobody's data but theirs, so neither pulled nor saved.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator, Sequence

from cloudify_scipion.agent.errors import GuardFailed, Temporary
from cloudify_scipion.agent.plan.names import PART, RESERVED, generation_of, is_part, joined, split
from cloudify_scipion.agent.plan.spelling import folded
from cloudify_scipion.agent.ports.facts import ctime_of, kind, mtime_of
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.work.space.probe import learn_folding
from cloudify_scipion.agent.work.world import PULLED, World

Listed = tuple[bytes, str, int, int, int, int]
"""Path, kind, mode, size, time, ctime (ns)."""
NESTED = "nested"
_MARK = b"space.json"
LISTING, LISTING_SECONDS = "listing", 3600.0
"""In which boot and when of it the listing was begun that a killed work has left; older ones are made again."""
BATCH = 400
Unlisted = list[tuple[bytes, str]]
"""Paths of the data space that could not be looked at, and why."""


def as_ours(world: World, folder: bytes, rows: Sequence[Listed]) -> list[Listed]:
    """A folder's entries, each under the name that we know it by: case and Unicode's form may be otherwise there."""
    listed = {split(row[0])[1] for row in rows}
    strange = _unknown(world, folder, listed)
    if not folder:
        rows = [row for row in rows if not _is_our_own(row[0], listed)]
    if not strange:
        return list(rows)
    missing = {folded(name): name for name in _known(world, folder) - listed}
    ours = {name: missing[folded(name)] for name in strange if folded(name) in missing}
    if ours:
        learn_folding(world)
    return [_renamed(folder, row, ours) for row in rows]


def _renamed(folder: bytes, row: Listed, ours: dict[bytes, bytes]) -> Listed:
    name = split(row[0])[1]
    return (joined(folder, ours.get(name, name)), *row[1:])


def _is_our_own(name: bytes, listed: set[bytes]) -> bool:
    """Whether that is our own folder at the top."""
    return name == RESERVED or (folded(name) == RESERVED and RESERVED not in listed)


def _unknown(world: World, folder: bytes, names: Iterable[bytes]) -> set[bytes]:
    """Those that neither the index nor the manifest has in the data space's folder."""
    strange = set(names) - world.index.folders.names_there(folder)
    known = (
        world.index.base.rows([joined(folder, name) for name in strange])
        if strange and world.index.base.is_known()
        else {}
    )
    return {name for name in strange if "at" in known.get(joined(folder, name), {"at": ""})}


def _known(world: World, folder: bytes) -> set[bytes]:
    return world.index.folders.names_there(folder) | (
        world.index.base.names(folder) if world.index.base.is_known() else set()
    )


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
    said = "{} in the data space is the folder of another project: it is left alone"
    world.tell_new(NESTED, {name: said.format(name) for name in names})


def is_folder(tree: ReadTree, path: bytes) -> bool:
    """Whether a folder is at a path, or might be."""
    try:
        facts = tree.stat(path)
    except OSError:
        return True
    return kind(facts) == "d"


def list_space(world: World) -> Unlisted:
    """List every folder, several at a time, one level after the other; what was listed before a crash stays listed.

    Returns what could not be: the rest is looked at all the same.
    """
    bad: Unlisted = []
    nested: list[bytes] = []
    world.progress.start("listing the data space")
    boot, begun = world.index.get_state(LISTING) or ("", 0.0)
    if boot != world.clock.boot() or world.clock.elapsed() - begun >= LISTING_SECONDS:
        world.index.listing.forget()
        world.index.set_state(LISTING, [world.clock.boot(), world.clock.elapsed()])
    level: list[bytes] = [b""]
    while level:
        level = list(_list_level(world, level, bad, nested))
        world.commit()
    refuse_or_tell(world, nested)
    return bad


def _list_level(world: World, level: list[bytes], bad: Unlisted, nested: list[bytes]) -> Iterator[bytes]:
    """List these folders; yields those in them."""
    unknown = []
    for path in level:
        if world.index.listing.is_listed(path):
            yield from world.index.listing.folders(path)
        else:
            unknown.append(path)
    for path, rows in world.each(lambda path: _look(world, path), unknown):
        gone = isinstance(rows, FileNotFoundError | NotADirectoryError) and not is_folder(world.space, path)
        if path and gone:
            world.index.listing.vanished(path)  # since the folder above was listed
        elif isinstance(rows, Nested):
            nested.append(path)
        elif isinstance(rows, OSError) and path:
            bad.append((path, f"the folder cannot be listed in the data space: {rows.strerror}"))
        elif isinstance(rows, OSError):
            raise Temporary(f"the data space cannot be listed: {rows.strerror}", "it is tried again by itself")
        else:
            bad += [(joined(path, name), f"it cannot be looked at in the data space: {error.strerror}")
                    for name, error in world.space.unseen_in(path)]  # fmt: skip
            rows = as_ours(world, path, rows)
            world.index.listing.keep(path, rows)
            world.progress.add(len(rows), 0)
            yield from (row[0] for row in rows if row[1] == "d")


def _look(world: World, folder: bytes) -> list[Listed]:
    entries = world.space.entries(folder)
    for name in (name for name, _ in entries if is_part(name)):
        _clear_part(world, folder, name)
    if folder and is_project(world.space, folder, entries):
        raise Nested(errno.EXDEV, "it is the folder of another project", os.fsdecode(folder))
    return [
        (joined(folder, name), kind(facts), facts.st_mode, facts.st_size, mtime_of(facts), ctime_of(facts))
        for name, facts in entries
        if not is_part(name)
    ]


def _clear_part(world: World, folder: bytes, name: bytes) -> None:
    """A killed work has left it, unless it is a later machine's."""
    if generation_of(name[len(PART) :]) <= world.session.generation:
        with contextlib.suppress(OSError):
            world.space.unlink(joined(folder, name))


def listed(world: World) -> Iterator[list[Listed]]:
    """All that is listed, so many at a time, in the order of the paths."""
    after = b""
    while rows := world.index.listing.some(after, BATCH):
        yield rows
        after = rows[-1][0]


def forget_listing(world: World) -> None:
    """The next work lists everything anew."""
    world.index.listing.forget()
    world.index.set_state(LISTING, None)
