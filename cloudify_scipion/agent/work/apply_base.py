"""After a pull: what the data space cannot hold itself, as the manifest tells it, as long as the index does not."""

from __future__ import annotations

import os
from dataclasses import replace

from cloudify_scipion.agent.plan.manifest import Entry, entry_from
from cloudify_scipion.agent.plan.names import odd_path, split, whole_way
from cloudify_scipion.agent.plan.restored import only_in_manifest
from cloudify_scipion.agent.ports.facts import ino_of, kind
from cloudify_scipion.agent.work.conflicts import free_name
from cloudify_scipion.agent.work.fetch import fetch_linked, link_row, make_link, make_local_folder
from cloudify_scipion.agent.work.probes import abilities
from cloudify_scipion.agent.work.pulled import Result
from cloudify_scipion.agent.work.pulled_folders import is_blocked
from cloudify_scipion.agent.work.space import place_for
from cloudify_scipion.agent.work.world import World


def apply_base(world: World, result: Result) -> None:
    """Make the folders, links and files of odd names that the manifest names and that are not here."""
    failed = {path for path, _ in result.failed}
    for row in world.index.all_base():
        entry = entry_from(row)
        if _is_below(entry.path, failed):
            continue
        try:
            _apply_entry(world, entry)
        except OSError as error:
            if not is_blocked(world, entry.path, result):
                result.failed.append((entry.path, error.strerror or str(error)))
    world.keep()


def _is_below(path: bytes, failed: set[bytes]) -> bool:
    """Whether a path, or a folder above it, could not be looked at: then nobody knows what is there."""
    return bool(failed) and any(above in failed for above in whole_way(path))


def _apply_entry(world: World, entry: Entry) -> None:
    there = world.tree.stat(entry.path) is not None
    if entry.kind == "d":
        _apply_folder(world, entry)
    elif world.index.get(entry.path) is not None:
        return
    elif there:
        if entry.kind == "l" and entry.stored:
            _apply_link_beside(world, entry)
    elif entry.kind == "l":
        _apply_link(world, entry)
    elif only_in_manifest(entry) and world.space.stat(entry.stored) is not None:
        _apply_stored(world, entry)
    elif world.space.stat(entry.path) is None:  # else it is being written there just now
        world.tell(f"{os.fsdecode(entry.path)} was saved once and is not in the data space any more", "alarm")


def _apply_folder(world: World, entry: Entry) -> None:
    make_local_folder(world, entry.path, entry.mode)
    number = world.index.folder_id(entry.path)
    facts = world.tree.stat(entry.path)
    if number is not None and facts is not None:
        world.index.set_folder(number, ino=ino_of(facts), mode=facts.st_mode)


def _apply_link(world: World, entry: Entry) -> None:
    make_local_folder(world, split(entry.path)[0], 0o755)
    make_link(world, entry.target, entry.path)
    row = link_row(world, entry.path, entry.target, entry.origin)
    stored = place_for(world, entry.path) or (b"" if abilities(world).symlinks else odd_path(entry.path))
    world.index.put(entry.path, replace(row, stored=stored) if stored else row.without_remote())


def _apply_link_beside(world: World, entry: Entry) -> None:
    """What only the manifest has of a link, where something is here of which nothing is known."""
    facts = world.tree.stat(entry.path)
    if facts is None or kind(facts) != "l" or world.tree.readlink(entry.path) != entry.target:
        keep_link_beside(world, entry)
    else:
        row = link_row(world, entry.path, entry.target, entry.origin)
        world.index.put(entry.path, replace(row, stored=entry.stored, hash=entry.hash))


def keep_link_beside(world: World, entry: Entry) -> None:
    """Give it the name of a conflict here; the next push saves it."""
    name = free_name(world, entry.path)
    make_link(world, entry.target, name)
    world.tell(
        f"{os.fsdecode(entry.path)} is another here than was saved: where it pointed to is kept as "
        f"{os.fsdecode(name)}", "alarm",
    )  # fmt: skip


def _apply_stored(world: World, entry: Entry) -> None:
    make_local_folder(world, split(entry.path)[0], 0o755)
    first = world.index.get(entry.link) if entry.link else None
    for path, row in fetch_linked(world, entry.stored, entry.path, entry, first).rows:
        world.index.put(path, row)
