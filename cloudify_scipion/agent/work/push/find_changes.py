"""Finding what has changed in the working copy, by the facts of every file. Nothing is read but folders."""

from __future__ import annotations

import hashlib
import marshal
import os
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field

from cloudify_scipion.agent.plan.names import RESERVED, base_of, joined, split
from cloudify_scipion.agent.ports.databases.beside import JOURNAL, WAL, belongs, is_database
from cloudify_scipion.agent.ports.facts import ctime_of, ino_of, kind, mtime_of
from cloudify_scipion.agent.ports.mount import mounts_below
from cloudify_scipion.agent.ports.read_tree import Entries, ReadTree
from cloudify_scipion.agent.ports.tables.rows import ROOT, Row
from cloudify_scipion.agent.work.pull.list_space import is_folder, is_project
from cloudify_scipion.agent.work.world import World

Moved = Callable[[int, bytes, bytes], bool]
Fact = tuple[bytes, int, int, int, int, int]
"""Name, mode, size, time (ns), time of the inode (ns), inode. A plain tuple, since `marshal` takes no other, and half a
second of each million files goes to one with names."""
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


def scan(world: World, moved: Moved = lambda *_: False, everything: bool = False, still: bool = False) -> Found:
    """Write all changes into the index's lists `changes` and `gone`.

    `moved(number, old, new)` is asked to move a folder in the data space, too. `everything`: no file is unchanged.
    `still`: nobody can have written since the last look, so that facts alone tell.
    """
    found = Found(mounts=mounts_below(world.tree.folder(b"").fd))
    world.tree.avoid(found.mounts)
    world.index.changes.forget()
    missing = _Scan(world, found, moved, everything, still).walk()
    world.tree.forget()
    _find_missing(world, missing, found)
    world.commit()
    return found


@dataclass(frozen=True)
class _Scan:
    """One walk through the working copy."""

    world: World
    found: Found
    moved: Moved
    everything: bool
    still: bool

    def walk(self) -> list[int]:
        """Compare folder after folder; returns those that are known and not where they were."""
        stack, missing = [(ROOT, b"")], list[int]()
        while stack:
            number, path = stack.pop()
            self.world.session.beat()
            try:
                entries = self.world.tree.entries(path)
            except OSError as error:
                if isinstance(error, FileNotFoundError | NotADirectoryError) and not is_folder(self.world.tree, path):
                    continue  # gone meanwhile: the next scan sees that
                self.found.errors.append((path, os.strerror(error.errno or 0)))
                continue
            kept = self._not_looked_at(path, entries)
            self._compare_files(number, path, entries, kept)
            inside, gone = self._compare_folders(number, path, entries, kept)
            stack += reversed(inside)
            missing += gone
        return missing

    def _not_looked_at(self, path: bytes, entries: Entries) -> set[bytes]:
        """The names in a folder of what is there and was not looked at: it counts neither as changed nor as gone."""
        unseen = self.world.tree.unseen_in(path)
        self.found.unseen += [(joined(path, name), error.strerror or str(error)) for name, error in unseen]
        kept = {name for name, _ in unseen}
        kept |= {split(mount)[1] for mount in self.found.mounts if split(mount)[0] == path}
        own = any(name == RESERVED and kind(facts) == "d" for name, facts in entries)
        if own and (not path or is_project(self.world.tree, path, entries)):
            self.found.reserved.append(joined(path, RESERVED))
            kept.add(RESERVED)
        return kept

    def _compare_files(self, number: int, path: bytes, entries: Entries, kept: set[bytes]) -> None:
        index, files = self.world.index, self._facts(path, entries)
        # all of a folder at once, and by marshal, which takes half of the time of any text
        digest = hashlib.blake2b(marshal.dumps([fact for _, fact in files], 2), digest_size=16).digest()
        if not self.everything and index.folders.get(number).digest == digest:
            return
        same, rows = not kept, index.files.inside(number)
        known = {fact[0] for _, fact in files if fact[0] in rows and self._is_as_known(rows[fact[0]], fact)}
        sizes = {name: size for form, (name, _, size, *_) in files if form == "f"}
        groups = find_groups(self.world.tree, path, sizes, rows, known, self.still)
        index.changes.found_groups(joined(path, base) for base in groups.all)
        for form, (name, _, size, mtime, _, ino) in files:
            rows.pop(name, None)
            if name in groups.sides:
                same = same and name in known
            elif self.everything or name not in known or name in groups.changed:
                same = False
                index.changes.found(joined(path, name), form, ino, size, mtime)
        folders = {name for name, facts in entries if kind(facts) == "d"} if rows else set()
        for name, row in rows.items():
            same = False
            if name not in kept and (name not in groups.sides or name in folders):
                index.gone.found(joined(path, name), row, covered=name in folders)
        if same and not self.still:
            index.folders.update(number, digest=digest)

    def _facts(self, path: bytes, entries: Entries) -> list[tuple[str, Fact]]:
        """The kinds of a folder's files and links, each with its facts."""
        files, found = list[tuple[str, Fact]](), self.found
        for name, st in entries:
            form = kind(st)
            if form in ("f", "l"):
                files.append((form, (name, st.st_mode, st.st_size, mtime_of(st), ctime_of(st), ino_of(st))))
            elif form != "d" and len(found.special) < MAX_TOLD:
                found.special.append(joined(path, name))
        found.files += len(files)
        return files

    def _is_as_known(self, row: Row, fact: Fact) -> bool:
        known = (row.mode, row.size, row.mtime, row.ctime, row.ino)
        return known == fact[1:] and (self.still or not row.racy) and row.held()

    def _compare_folders(
        self, number: int, path: bytes, entries: Entries, kept: set[bytes]
    ) -> tuple[list[tuple[int, bytes]], list[int]]:
        """The folders to go on with, and those that are known and not there."""
        index, inside = self.world.index, list[tuple[int, bytes]]()
        known = index.folders.inside(number)
        for name, st in entries:
            if kind(st) != "d" or name in kept:
                continue
            where, row = joined(path, name), known.pop(name, None)
            if row is not None:
                if row.ino != ino_of(st) or row.mode != st.st_mode:
                    index.folders.update(row.id, ino=ino_of(st), mode=st.st_mode)
                    index.journal.note(where)
                inside.append((row.id, where))
                continue
            old = self._moved_from(where, ino_of(st))
            known = {other: row for other, row in known.items() if row.id != old}
            inside.append((old or index.folders.add(where, ino_of(st), st.st_mode), where))
            if not old:
                index.journal.note(where)
        return inside, [row.id for name, row in known.items() if name not in kept]

    def _moved_from(self, path: bytes, ino: int) -> int | None:
        """The number of a known folder that is at `path` now, once it has moved in the data space as well."""
        for number in self.world.index.folders.by_ino(ino):
            old = self.world.index.folders.path_of(number)
            facts = self.world.tree.stat(old)
            inside = path.startswith(old + b"/")
            if inside or (facts is not None and ino_of(facts) == ino) or not _shares(self.world, number, path):
                continue
            if self.moved(number, old, path):
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
        if kind(world.tree.stat(path)) == "d":
            continue
        found.gone_folders.append(path)
        for folder in world.index.folders.below(number):
            where = world.index.folders.path_of(folder)
            for name, row in world.index.files.inside(folder).items():
                world.index.gone.found(joined(where, name), row)


@dataclass
class Groups:
    """`sides`: the names of SQLite's files, with their databases. `changed`: the databases that they may have changed.

    `all`: the databases beside which there is something, or was.
    """

    sides: dict[bytes, bytes] = field(default_factory=dict)
    changed: set[bytes] = field(default_factory=set)
    all: set[bytes] = field(default_factory=set)


def find_groups(
    tree: ReadTree, path: bytes, sizes: Mapping[bytes, int], rows: Mapping[bytes, Row], as_known: Set[bytes],
    still: bool,
) -> Groups:  # fmt: skip
    """Those among a folder's files of these `sizes` (bytes).

    `as_known`: the files that are as the index has them in `rows`; `still`: nobody writes.
    """
    found = Groups()
    for name, size in sizes.items():
        base = base_of(name)
        if base in sizes and belongs(tree, joined(path, base), joined(path, name)):
            found.sides[name] = base
            found.all.add(base)
            if name in as_known or (still and name not in rows):
                continue
            if name in rows or _counts(tree, joined(path, base), name, size):
                found.changed.add(base)
    for name, row in rows.items():  # what was saved beside a database, and is not here any more
        if name not in sizes and row.local and base_of(name) in sizes:
            found.sides[name] = base_of(name)
            found.all.add(base_of(name))
            found.changed.add(base_of(name))
    return found


def _counts(tree: ReadTree, base: bytes, name: bytes, size: int) -> bool:
    """Whether a database may have changed though its own file did not: of a journal alone SQLite sees nothing new."""
    return size > 0 and (name.endswith(WAL) or (name.endswith(JOURNAL) and not is_database(tree, base)))
