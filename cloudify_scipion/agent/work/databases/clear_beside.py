"""What lies beside a database in the data space goes before the database is put there: else SQLite would replay it.

What is ours goes to the trash, what a stranger has put there is kept under the name of a conflict. Only where SQLite
cannot read a database is what lies beside it put there, too, and then before the database itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress

from cloudify_scipion.agent.plan.names import BESIDE, MAX_NAME, base_of, split
from cloudify_scipion.agent.ports.databases.beside import facts_of, is_side, says_something
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.content import origin_of_content
from cloudify_scipion.agent.work.push.place import Outcome, Placing, Whose, place, remove, to_trash
from cloudify_scipion.agent.work.push.send import Copied
from cloudify_scipion.agent.work.space.keep_beside import keep_beside
from cloudify_scipion.agent.work.world import World


def place_group(world: World, placing: Placing) -> Outcome:
    """Put a database in its place, as `place` does, where nothing lies beside it that is not its own."""

    def first(outcome: Outcome) -> None:
        _clear(world, placing, outcome)
        for made in placing.copied.beside:
            _put(world, placing, made, outcome)

    if not placing.copied.database:
        return place(world, placing)
    if placing.copied.temporary:
        return place(world, placing, first)
    outcome = Outcome(placing.copied.path, placing.copied.row)
    first(outcome)
    return outcome


def remove_group(world: World, path: bytes, row: Row, beside: Mapping[bytes, Row], beyond: bool = False) -> Outcome:
    """Take away what was deleted in the working copy; if it was a database, first what lies beside it."""
    if not row.local:
        return remove(world, path, row, beyond=beyond)

    def first(outcome: Outcome) -> None:
        _clear(world, Placing(Copied(path, row), row, beside=beside), outcome)

    return remove(world, path, row, first, beyond)


def beside(path: bytes, known: Callable[[list[bytes]], Mapping[bytes, Row]]) -> dict[bytes, Row]:
    """What is known of the files beside a database, by the ends of their names."""
    rows = known([path + end for end in BESIDE])
    return {end: rows[path + end] for end in BESIDE if path + end in rows}


def saved_beside(world: World, path: bytes) -> dict[bytes, Row]:
    """What is saved beside a database, by the ends of the names; but for somebody's own files of such names."""
    known = beside(path, world.index.files.rows)
    return {end: row for end, row in known.items() if row.local or is_side(world.tree, path + end)}


def know_beside(world: World, outcome: Outcome) -> None:
    """Let the index know what has become of the files beside a database."""
    for path, row in outcome.beside:
        if row is None:
            world.index.files.drop(path)
        else:
            world.index.files.put(path, row)
        world.index.attempts.not_busy([path])
    world.index.attempts.fulfil(path for path, _ in outcome.beside)


def old_beside(space: ReadTree, path: bytes, known: Mapping[bytes, Row]) -> list[bytes]:
    """What lies beside a database in the data space and is none of its own."""
    found = []
    for end in BESIDE:
        facts = facts_of(space, path + end)
        if kind(facts) == "f" and end not in known and is_side(space, path + end):
            found.append(path + end)
    return found


def _clear(world: World, placing: Placing, outcome: Outcome) -> None:
    """Move everything away that SQLite would take for the database's own, but for what is to lie there."""
    copied = placing.copied
    wanted = {made.path[len(copied.path) :]: made for made in copied.beside}
    for end in BESIDE:
        row = placing.beside.get(end)
        target = _place(copied, end, row)
        if not target:
            continue
        facts = facts_of(world.space, target)
        if facts is not None and (kind(facts) != "f" or not (row and row.stored) and not is_side(world.space, target)):
            continue  # somebody's own, of that name
        made = wanted.get(end)
        if facts is not None and not (made and not made.temporary):
            _throw(world, placing, end, target, facts, outcome)
        if made is None and row is not None:
            outcome.beside.append((copied.path + end, None))


def _place(copied: Copied, end: bytes, row: Row | None) -> bytes:
    """Where what belongs to a database lies; nothing lies beside contents whose names the data space cannot hold."""
    if row is not None and row.stored:
        return row.stored
    return b"" if copied.row.stored else copied.path + end


def _throw(world: World, placing: Placing, end: bytes, target: bytes, facts: os.stat_result, outcome: Outcome) -> None:
    """To the trash, or under the name of a conflict: that of the database, where that is a stranger's as well."""
    copied, row = placing.copied, placing.beside.get(end)
    origin = origin_of_content(world, target, facts, row, "", placing.intents_beside.get(end, frozenset()))
    if origin is None and not says_something(world.space, target):
        origin = 0  # a stranger's, and without any meaning
    if origin is not None:
        hashes = placing.intents_beside.get(end, frozenset()) | ({row.hash} if row else set())
        to_trash(world, target, facts, Whose(origin, copied.path + end, hashes=hashes), outcome)
        return
    for name in outcome.conflicts[:1]:
        together = name + end
        if base_of(together) and len(split(together)[1]) <= MAX_NAME and world.tree.stat(together) is None:
            with suppress(FileExistsError):
                world.space.rename(target, together)
                outcome.conflicts.append(together)
                return
    outcome.conflicts.append(keep_beside(world, copied.path + end))


def _put(world: World, placing: Placing, made: Copied, outcome: Outcome) -> None:
    """Put one there that belongs to a database which SQLite cannot read."""
    done = {path for path, _ in outcome.beside}
    if made.path in done:
        return  # in an earlier turn
    if made.temporary:
        placed = place(world, Placing(made, None, sure=placing.sure))
        outcome.trash += placed.trash
        outcome.conflicts += placed.conflicts
        outcome.beside.append((made.path, placed.row))
    else:
        outcome.beside.append((made.path, made.row))
