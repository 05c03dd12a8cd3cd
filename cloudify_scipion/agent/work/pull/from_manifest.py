"""What the manifest alone tells: what the data space cannot hold itself, and what was deleted in an undone future."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from cloudify_scipion.agent.plan.manifest import Entry, entry_from
from cloudify_scipion.agent.plan.names import odd_path, split, whole_way
from cloudify_scipion.agent.plan.news import Side, is_newer_there
from cloudify_scipion.agent.plan.restored import folder_mode, only_in_manifest
from cloudify_scipion.agent.ports.facts import ino_of, kind, mtime_of
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.pull.exchange import file_instead, is_as_known, link_instead, set_facts
from cloudify_scipion.agent.work.pull.fetch import fetch, fetch_linked, link_row, make_link, make_local_folder
from cloudify_scipion.agent.work.pull.find_new import Pulled
from cloudify_scipion.agent.work.pull.settle import is_blocked
from cloudify_scipion.agent.work.space.keep_beside import free_name
from cloudify_scipion.agent.work.space.names_there import place_for
from cloudify_scipion.agent.work.space.probe import abilities
from cloudify_scipion.agent.work.world import World

_BATCH = 400
_SHOWN = 10


def apply_base(world: World, result: Pulled) -> None:
    """Make the folders, links and files of odd names that the manifest names and that are not here."""
    failed = {path for path, _ in result.failed}
    for row in world.index.base.all():
        entry = entry_from(row)
        if _is_below(entry.path, failed):
            continue
        try:
            _apply_entry(world, entry)
        except OSError as error:
            if not is_blocked(world, entry.path, result):
                result.failed.append((entry.path, error.strerror or str(error)))
    world.commit_and_tell()


def _is_below(path: bytes, failed: set[bytes]) -> bool:
    """Whether a path, or a folder above it, could not be looked at: then nobody knows what is there."""
    return bool(failed) and any(above in failed for above in whole_way(path))


def _apply_entry(world: World, entry: Entry) -> None:
    there = world.tree.stat(entry.path) is not None
    if entry.kind == "d":
        _apply_folder(world, entry)
    elif world.index.files.get(entry.path) is not None:
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
    number = world.index.folders.number(entry.path)
    facts = world.tree.stat(entry.path)
    if number is not None and facts is not None:
        world.index.folders.update(number, ino=ino_of(facts), mode=facts.st_mode)


def _apply_link(world: World, entry: Entry) -> None:
    make_local_folder(world, split(entry.path)[0], 0o755)
    make_link(world, entry.target, entry.path)
    row = link_row(world, entry.path, entry.target, entry.origin)
    stored = place_for(world, entry.path) or (b"" if abilities(world).symlinks else odd_path(entry.path))
    world.index.files.put(entry.path, replace(row, stored=stored) if stored else row.without_remote())


def _apply_link_beside(world: World, entry: Entry) -> None:
    """What only the manifest has of a link, where something is here of which nothing is known."""
    facts = world.tree.stat(entry.path)
    if facts is None or kind(facts) != "l" or world.tree.readlink(entry.path) != entry.target:
        keep_link_beside(world, entry)
    else:
        row = link_row(world, entry.path, entry.target, entry.origin)
        world.index.files.put(entry.path, replace(row, stored=entry.stored, hash=entry.hash))


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
    first = world.index.files.get(entry.link) if entry.link else None
    for path, row in fetch_linked(world, entry.stored, entry.path, entry, first).rows:
        world.index.files.put(path, row)


def settle_news(world: World, side: Side, result: Pulled) -> None:
    """After all that the data space shows by itself was settled."""
    if side is not Side.OLDER:
        for row in world.index.base.all():
            entry = entry_from(row)
            try:
                _take_over(world, side, entry, result)
            except OSError as error:
                result.failed.append((entry.path, error.strerror or str(error)))
    apply_base(world, result)
    world.commit_and_tell()


def _take_over(world: World, side: Side, entry: Entry, result: Pulled) -> None:
    """Where the working copy is exactly as the index last knew it, the manifest that is newer knows better."""
    if entry.kind == "d":
        if side is Side.NEWER:
            _take_mode_of_folder(world, entry)
        return
    row, facts = world.index.files.get(entry.path), world.tree.stat(entry.path)
    if row is None or facts is None:
        return
    newer = is_newer_there(side, mtime_of(facts), entry.mtime)
    if newer and is_as_known(row, facts):
        _take_content(world, side, entry, row, result)
    _keep_lone_link(world, entry, row, newer, result)


def _take_content(world: World, side: Side, entry: Entry, row: Row, result: Pulled) -> None:
    """Give what is here the newer version that only the manifest tells of."""
    seen, spare = None, row.kind != entry.kind and row.origin <= 0
    if entry.kind == "l":
        if entry.stored and (row.kind, row.target) != ("l", entry.target):
            seen = link_instead(world, entry.target, entry.path, row, entry.origin, spare)
    elif entry.hash == row.hash and row.kind == "f":
        if side is Side.NEWER and (stat.S_IMODE(row.mode), row.mtime) != (entry.mode, entry.mtime):
            world.index.files.put(entry.path, set_facts(world, entry.path, row, entry.mode, entry.mtime))
    elif entry.stored and world.space.stat(entry.stored) is not None:
        seen = file_instead(world, entry.stored, entry.path, entry, row, spare)
        if seen is None and row.kind == "f":
            _keep_file_beside(world, entry, result)
    for path, known in seen.rows if seen else ():
        lone = replace(known, stored=entry.stored, hash=entry.hash) if entry.kind == "l" else known
        world.index.files.put(path, lone)


def _keep_file_beside(world: World, entry: Entry, result: Pulled) -> None:
    """A newer version whose content lies under another name there comes beside what cannot make room for it."""
    for path, known in fetch(world, entry.stored, free_name(world, entry.path), entry).rows:
        world.index.files.put(path, known.without_remote())
    result.conflicts += 1


def _keep_lone_link(world: World, entry: Entry, row: Row, newer: bool, result: Pulled) -> None:
    """A link that only the manifest has, and that cannot have its name here: beside what is here, or in the trash."""
    known = world.index.files.get(entry.path) or row
    if entry.kind != "l" or not entry.stored or (known.kind, known.target) == ("l", entry.target):
        return
    if newer:
        keep_link_beside(world, entry)
        result.conflicts += 1
    else:  # the next push saves what is here
        lone = Row("l", target=entry.target, hash=entry.hash, stored=entry.stored, origin=entry.origin, rsize=0, racy=1)
        world.index.files.put(entry.path, lone)


def _take_mode_of_folder(world: World, entry: Entry) -> None:
    number, facts = world.index.folders.number(entry.path), world.tree.stat(entry.path)
    if number is None or facts is None or kind(facts) != "d" or facts.st_mode != world.index.folders.get(number).mode:
        return
    if stat.S_IMODE(facts.st_mode) != folder_mode(entry.mode):
        world.tree.set_folder_mode(entry.path, folder_mode(entry.mode))
        made = world.tree.stat(entry.path)
        if made is not None:
            world.index.folders.update(number, mode=made.st_mode)


def tell_deleted(world: World) -> None:
    """After the listing: what was deleted in the undone future is here again, and is saved again."""
    count, shown = 0, list[str]()
    for batch in _batches(world):
        known = world.index.base.rows([path for path, _ in batch])
        for path, row in batch:
            if path not in known and row.held() and not world.index.listing.has(path, row.kind):
                count += 1
                shown += [os.fsdecode(path)] if len(shown) < _SHOWN else []
    if count:
        world.tell(
            f"{count} files that were deleted since are here again, and are saved again: {', '.join(shown)}"
            f"{' ...' if count > len(shown) else ''}. Delete what is not wanted",
            "alarm",
        )


def _batches(world: World) -> Iterator[Sequence[tuple[bytes, Row]]]:
    files = world.index.files.all()
    while batch := list(islice(files, _BATCH)):
        yield batch
