"""Finding what has changed in the working copy, by the facts of every file. Nothing is read but folders."""

from __future__ import annotations

import hashlib
import marshal
import os
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from cloudify_scipion.agent.plan.names import RESERVED, base_of, joined, split
from cloudify_scipion.agent.ports.ahead import Entries, ReadAhead
from cloudify_scipion.agent.ports.databases.beside import JOURNAL, WAL, belongs, is_database
from cloudify_scipion.agent.ports.facts import ctime_of, ino_of, kind, mtime_of
from cloudify_scipion.agent.ports.mount import mounts_below
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.tables.rows import ROOT, Row
from cloudify_scipion.agent.work.pull.list_space import is_folder, is_project
from cloudify_scipion.agent.work.world import World

Fact = tuple[bytes, int, int, int, int, int]
"""Name, mode, size, time (ns), time of the inode (ns), inode."""


@dataclass
class Groups:
    """`sides`: the names of SQLite's files, with their databases. `changed`: the databases that they may have changed.

    `all`: the databases beside which there is something, or was.
    """

    sides: dict[bytes, bytes] = field(default_factory=dict)
    changed: set[bytes] = field(default_factory=set)
    all: set[bytes] = field(default_factory=set)


def find_groups(
    tree: ReadTree, path: bytes, facts: Sequence[Fact], rows: Mapping[bytes, Row], as_known: Set[bytes], still: bool
) -> Groups:
    """Those of a folder. `as_known`: the files that are as the index has them in `rows`; `still`: nobody writes."""
    found = Groups()
    regular = {fact[0]: fact[2] for fact in facts if fact[1] & 0o170000 == 0o100000}
    for name, size in regular.items():
        base = base_of(name)
        if base in regular and belongs(tree, joined(path, base), joined(path, name)):
            found.sides[name] = base
            found.all.add(base)
            if name in as_known or (still and name not in rows):
                continue
            if name in rows or _counts(tree, joined(path, base), name, size):
                found.changed.add(base)
    for name, row in rows.items():  # what was saved beside a database, and is not here any more
        if name not in regular and row.local and base_of(name) in regular:
            found.sides[name] = base_of(name)
            found.all.add(base_of(name))
            found.changed.add(base_of(name))
    return found


def _counts(tree: ReadTree, base: bytes, name: bytes, size: int) -> bool:
    """Whether a database may have changed though its own file did not: of a journal alone SQLite sees nothing new."""
    return size > 0 and (name.endswith(WAL) or (name.endswith(JOURNAL) and not is_database(tree, base)))


Moved = Callable[[int, bytes, bytes], bool]
MAX_TOLD = 100


@dataclass
class Found:
    """What a scan found. `special` are pipes, sockets and devices, `errors` folders that could not be read, `unseen`
    what could not be looked at in them, and `mounts` what others have mounted."""

    files: int = 0
    reserved: list[bytes] = field(default_factory=list)
    """Folders that have the name of our own in the data space."""
    special: list[bytes] = field(default_factory=list)
    errors: list[tuple[bytes, str]] = field(default_factory=list)
    unseen: list[tuple[bytes, str]] = field(default_factory=list)
    mounts: list[bytes] = field(default_factory=list)
    gone_folders: list[bytes] = field(default_factory=list)


def scan(
    world: World,
    moved: Moved = lambda *_: False,
    everything: bool = False,
    still: bool = False,
) -> Found:
    """Write all changes into the index's lists `changes` and `gone`.

    `moved(number, old, new)` is asked to move a folder in the data space, too. `everything`: no file is unchanged.
    `still`: nobody can have written since the last look, so that facts alone tell.
    """
    found = Found(mounts=mounts_below(world.tree.folder(b"").fd))
    world.tree.avoid(found.mounts)
    world.index.changes.forget()
    with ReadAhead(world.tree) as ahead:
        missing = _walk(world, ahead, found, moved, everything, still)
    world.tree.forget()
    _find_missing(world, missing, found)
    world.commit()
    return found


def _walk(world: World, ahead: ReadAhead, found: Found, moved: Moved, everything: bool, still: bool) -> list[int]:
    """Compare folder after folder; returns those that are known and not where they were."""
    stack, missing = [(ROOT, b"")], list[int]()
    while stack:
        number, path = stack.pop()
        world.session.beat()
        try:
            entries = ahead.entries(path, (inside for _, inside in reversed(stack)))
        except OSError as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError) and not is_folder(world.tree, path):
                continue  # gone meanwhile: the next scan sees that
            found.errors.append((path, os.strerror(error.errno or 0)))
            continue
        kept = _not_looked_at(world, path, found)
        if any(name == RESERVED and kind(st) == "d" for name, st in entries) and (
            not path or is_project(world.tree, path, entries)
        ):
            found.reserved.append(joined(path, RESERVED))
            kept.add(RESERVED)
        _compare_files(world, number, path, entries, kept, found, everything, still)
        inside = _compare_folders(world, number, path, entries, kept, moved)
        stack += reversed(inside[0])
        missing += inside[1]
    return missing


def _not_looked_at(world: World, path: bytes, found: Found) -> set[bytes]:
    """The names in a folder of what is there and was not looked at: it counts neither as changed nor as gone."""
    unseen = world.tree.unseen_in(path)
    found.unseen += [(joined(path, name), error.strerror or str(error)) for name, error in unseen]
    mounts = {split(mount)[1] for mount in found.mounts if split(mount)[0] == path}
    return {name for name, _ in unseen} | mounts


def _compare_files(
    world: World, number: int, path: bytes, entries: Entries, kept: set[bytes], found: Found, everything: bool,
    still: bool,
) -> None:  # fmt: skip
    facts, special = [], []
    for name, st in entries:
        mode = st.st_mode
        form = mode & 0o170000
        if form in (0o100000, 0o120000):
            facts.append((name, mode, st.st_size, mtime_of(st), ctime_of(st), ino_of(st)))
        elif form != 0o040000:
            special.append(joined(path, name))
    found.files += len(facts)
    found.special += special[: MAX_TOLD - len(found.special)]
    digest = hashlib.blake2b(marshal.dumps(facts, 2), digest_size=16).digest()
    if not everything and world.index.folders.get(number).digest == digest:
        return
    same, rows = not kept, world.index.files.inside(number)
    known = {fact[0] for fact in facts if fact[0] in rows and _as_known(rows[fact[0]], fact, still)}
    groups = find_groups(world.tree, path, facts, rows, known, still)
    world.index.changes.found_groups(joined(path, base) for base in groups.all)
    for fact in facts:
        name, inside = fact[0], joined(path, fact[0])
        rows.pop(name, None)
        if name in groups.sides:
            same = same and name in known
        elif everything or name not in known or name in groups.changed:
            same = False
            world.index.changes.found(inside, "l" if fact[1] & 0o170000 == 0o120000 else "f", fact[5], fact[2], fact[3])
    folders = {name for name, st in entries if st.st_mode & 0o170000 == 0o040000} if rows else set()
    for name, row in rows.items():
        same = False
        if name not in kept and (name not in groups.sides or name in folders):
            world.index.gone.found(joined(path, name), row, covered=name in folders)
    if same and not still:
        world.index.folders.update(number, digest=digest)


def _as_known(row: Row, fact: Fact, still: bool) -> bool:
    known = (row.mode, row.size, row.mtime, row.ctime, row.ino)
    return known == fact[1:] and (still or not row.racy) and row.held()


def _compare_folders(
    world: World, number: int, path: bytes, entries: Entries, kept: set[bytes], moved: Moved
) -> tuple[list[tuple[int, bytes]], list[int]]:
    """The folders to go on with, and those that are known and not there."""
    known, inside = world.index.folders.inside(number), []
    for name, st in entries:
        if st.st_mode & 0o170000 != 0o040000 or name in kept:
            continue
        where, row = joined(path, name), known.pop(name, None)
        if row is not None:
            if row.ino != ino_of(st) or row.mode != st.st_mode:
                world.index.folders.update(row.id, ino=ino_of(st), mode=st.st_mode)
                world.index.journal.note(where)
            inside.append((row.id, where))
            continue
        old = _moved_from(world, where, ino_of(st), moved)
        known = {other: row for other, row in known.items() if row.id != old}
        inside.append((old or world.index.folders.add(where, ino_of(st), st.st_mode), where))
        if not old:
            world.index.journal.note(where)
    return inside, [row.id for name, row in known.items() if name not in kept]


def _moved_from(world: World, path: bytes, ino: int, moved: Moved) -> int | None:
    """The number of a known folder that is at `path` now, once it has moved in the data space as well."""
    for number in world.index.folders.by_ino(ino):
        old = world.index.folders.path_of(number)
        facts = world.tree.stat(old)
        inside = path.startswith(old + b"/")
        if inside or (facts is not None and ino_of(facts) == ino) or not _shares(world, number, path):
            continue
        if moved(number, old, path):
            return number
    return None


def _shares(world: World, number: int, path: bytes) -> bool:
    """Whether anything in a folder is what the index knows of another: inode numbers are used again."""
    files, folders = world.index.files.inside(number), world.index.folders.inside(number)
    known = {name: row.ino for name, row in files.items()} | {name: row.ino for name, row in folders.items()}
    try:
        return any(known.get(name) == ino_of(facts) for name, facts in world.tree.entries(path))
    except OSError:
        return False


def _find_missing(world: World, missing: list[int], found: Found) -> None:
    """All files of folders that are gone, unless those turned up elsewhere."""
    for number in missing:
        path = world.index.folders.path_of(number)
        facts = world.tree.stat(path)
        if facts is not None and kind(facts) == "d":
            continue
        found.gone_folders.append(path)
        for folder in world.index.folders.below(number):
            where = world.index.folders.path_of(folder)
            for name, row in world.index.files.inside(folder).items():
                world.index.gone.found(joined(where, name), row)
