"""What the manifest alone tells of an undone future: modes and times, links, odd names; and what was deleted in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from cloudify_scipion.agent.plan.manifest import Entry, entry_from
from cloudify_scipion.agent.plan.news import Side, is_newer_there
from cloudify_scipion.agent.ports.facts import ctime_of, ino_of, kind, mtime_of
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.apply_base import apply_base, keep_link_beside
from cloudify_scipion.agent.work.conflicts import free_name
from cloudify_scipion.agent.work.exchange import is_as_known, replace_unchanged, set_facts
from cloudify_scipion.agent.work.fetch import fetch
from cloudify_scipion.agent.work.other_kind import file_for_link, link_for_file, link_for_link
from cloudify_scipion.agent.work.pulled import Result
from cloudify_scipion.agent.work.world import World

_BATCH = 400
_SHOWN = 10


def settle_news(world: World, side: Side, result: Result) -> None:
    """After all that the data space shows by itself was settled."""
    if side is not Side.OLDER:
        for row in world.index.all_base():
            entry = entry_from(row)
            try:
                _take_over(world, side, entry, result)
            except OSError as error:
                result.failed.append((entry.path, error.strerror or str(error)))
    apply_base(world, result)
    world.keep()


def _take_over(world: World, side: Side, entry: Entry, result: Result) -> None:
    """Where the working copy is exactly as the index last knew it, the manifest that is newer knows better."""
    if entry.kind == "d":
        if side is Side.NEWER:
            _take_mode_of_folder(world, entry)
        return
    row, facts = world.index.get(entry.path), world.tree.stat(entry.path)
    if row is None or facts is None:
        return
    newer = is_newer_there(side, mtime_of(facts), entry.mtime)
    if newer and is_as_known(row, facts):
        _take_content(world, side, entry, row, result)
    _keep_lone_link(world, entry, row, newer, result)


def _take_content(world: World, side: Side, entry: Entry, row: Row, result: Result) -> None:
    if row.kind != entry.kind:
        _take_other_kind(world, entry, row)
    elif entry.kind == "l":
        if entry.stored and entry.target != row.target and link_for_link(world, entry.path, entry.target, row.target):
            _know_link(world, entry, row)
    elif entry.hash == row.hash:
        if side is Side.NEWER and (stat.S_IMODE(row.mode), row.mtime) != (entry.mode, entry.mtime):
            world.index.put(entry.path, set_facts(world, entry.path, row, entry.mode, entry.mtime))
    elif entry.stored and world.space.stat(entry.stored) is not None:
        _take_stored(world, entry, row, result)


def _keep_lone_link(world: World, entry: Entry, row: Row, newer: bool, result: Result) -> None:
    """A link that only the manifest has, and that cannot have its name here: beside what is here, or in the trash."""
    known = world.index.get(entry.path) or row
    if entry.kind != "l" or not entry.stored or (known.kind, known.target) == ("l", entry.target):
        return
    if newer:
        keep_link_beside(world, entry)
        result.conflicts += 1
    else:  # the next push saves what is here
        lone = Row("l", target=entry.target, hash=entry.hash, stored=entry.stored, origin=entry.origin, rsize=0, racy=1)
        world.index.put(entry.path, lone)


def _take_other_kind(world: World, entry: Entry, row: Row) -> None:
    """A link that only the manifest has where a file was, or a file that lies under another name where a link was."""
    seen, spare = None, row.origin <= 0
    if entry.kind == "l" and entry.stored:
        seen = link_for_file(world, entry.path, entry.target, row, entry.origin, spare)
    elif entry.kind == "f" and entry.stored and world.space.stat(entry.stored) is not None:
        seen = file_for_link(world, entry.stored, entry.path, entry, row, spare)
    for path, known in seen.rows if seen else ():
        world.index.put(path, replace(known, stored=entry.stored, hash=entry.hash if entry.kind == "l" else known.hash))


def _take_mode_of_folder(world: World, entry: Entry) -> None:
    number, facts = world.index.folder_id(entry.path), world.tree.stat(entry.path)
    if number is None or facts is None or kind(facts) != "d" or facts.st_mode != world.index.folder(number).mode:
        return
    if stat.S_IMODE(facts.st_mode) != entry.mode & 0o777 | 0o700:
        world.tree.set_folder_mode(entry.path, entry.mode & 0o777 | 0o700)
        made = world.tree.stat(entry.path)
        if made is not None:
            world.index.set_folder(number, mode=made.st_mode)


def _know_link(world: World, entry: Entry, row: Row) -> None:
    facts = world.tree.stat(entry.path)
    if facts is not None:
        world.index.put(
            entry.path,
            replace(row, target=entry.target, mode=facts.st_mode, size=facts.st_size, mtime=mtime_of(facts),
                    ctime=ctime_of(facts), ino=ino_of(facts), hash=entry.hash),
        )  # fmt: skip


def _take_stored(world: World, entry: Entry, row: Row, result: Result) -> None:
    """A newer version whose content lies under another name there; where it cannot take its place it comes beside."""
    seen = replace_unchanged(world, entry.stored, entry.path, entry, row)
    if seen is None:
        beside = free_name(world, entry.path)
        seen = fetch(world, entry.stored, beside, entry)
        result.conflicts += 1
    for path, known in seen.rows:
        world.index.put(path, known if path == entry.path else known.without_remote())


def tell_deleted(world: World) -> None:
    """After the listing: what was deleted in the undone future is here again, and is saved again."""
    count, shown = 0, list[str]()
    for batch in _batches(world):
        known = world.index.bases([path for path, _ in batch])
        for path, row in batch:
            if path not in known and row.held() and not world.index.in_listing(path, row.kind):
                count += 1
                shown += [os.fsdecode(path)] if len(shown) < _SHOWN else []
    if count:
        world.tell(
            f"{count} files that were deleted since are here again, and are saved again: {', '.join(shown)}"
            f"{' ...' if count > len(shown) else ''}. Delete what is not wanted",
            "alarm",
        )


def _batches(world: World) -> Iterator[Sequence[tuple[bytes, Row]]]:
    files = world.index.all_files()
    while batch := list(islice(files, _BATCH)):
        yield batch
