"""What a data space lists under a name that it takes for one of ours is ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cloudify_scipion.agent.plan.names import RESERVED, joined, split
from cloudify_scipion.agent.plan.spelling import folded
from cloudify_scipion.agent.work.probes import learn_folding
from cloudify_scipion.agent.work.world import World

Listed = tuple[bytes, str, int, int, int, int]
"""Path, kind, mode, size, time, ctime (ns)."""


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
    strange = set(names) - world.index.names_there(folder)
    known = world.index.bases([joined(folder, name) for name in strange]) if strange and world.index.has_base() else {}
    return {name for name in strange if "at" in known.get(joined(folder, name), {"at": ""})}


def _known(world: World, folder: bytes) -> set[bytes]:
    return world.index.names_there(folder) | (world.index.base_names(folder) if world.index.has_base() else set())
