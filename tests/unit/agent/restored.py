"""What a new machine would get from a data space, and how that differs from the volume it was saved from."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.unit.agent.rig import Rig

RESERVED = ".cloudify-scipion"
MAGIC = b"SQLite format 3\0"
SIDES = ("-wal", "-journal", "-shm")
SIDE_BEGINNINGS = (
    b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", b"\xd9\xd5\x05\xf9", b"\x18\xe2\x2d\x00", b"\x00\x2d\xe2\x18",
)  # fmt: skip
LATER = 1000
"""Generations after the one that was saved: a machine that is made long after."""


def restore(rig: Rig, root: Path) -> Rig:
    """A new machine with an empty volume at `root` that has pulled all from the rig's data space. It has the lease."""
    clock = replace(rig.clock, boot_id="restored")
    new = replace(rig, root=root, machine="restored", generation=rig.generation + LATER, clock=clock)
    new.pull()
    return new


def restore_from_copy(rig: Rig, root: Path, there: Path | None = None) -> Rig:
    """The same from a copy of the data space, or of the folder that it is `there`; it stays as it is."""
    copy = root.with_name(root.name + "-space")
    shutil.copytree(there or rig.space, copy, symlinks=True)
    return restore(replace(rig, space=copy), root)


def differences(volume: Path, restored: Path) -> list[str]:
    """What of a working copy a restored one has not got exactly; both may have SQLite's files beside databases.

    Names, kinds, targets of links, contents (of databases: as SQLite reads them), modes, times of files, names of one
    file, empty folders.
    """
    old, new = _facts(volume), _facts(restored)
    found = [f"{path!r} is only in the {'volume' if path in old else 'restore'}" for path in sorted(old.keys() ^ new)]
    for path in sorted(old.keys() & new):
        found += _different(path, volume / path, restored / path, old[path], new[path])
    both = old.keys() & new
    names = _names_of_one(old, both), _names_of_one(new, both)
    return found + [f"{sorted(names)} are one file on one side only" for names in names[0] ^ names[1]]


def _different(path: str, one: Path, other: Path, old: os.stat_result, new: os.stat_result) -> Iterator[str]:
    if stat.S_IFMT(old.st_mode) != stat.S_IFMT(new.st_mode):
        yield f"{path!r} is of another kind"
    elif stat.S_ISLNK(old.st_mode):
        if os.fsencode(one.readlink()) != os.fsencode(other.readlink()):
            yield f"{path!r} points to {other.readlink()} instead of {one.readlink()}"
    else:
        least = 0o700 if stat.S_ISDIR(old.st_mode) else 0o600
        if old.st_mode & 0o777 | least != new.st_mode & 0o777 | least:
            yield f"{path!r} has mode {new.st_mode:o} instead of {old.st_mode:o}"
        if stat.S_ISREG(old.st_mode):
            yield from _other_content(path, one, other, old, new)


def _other_content(path: str, one: Path, other: Path, old: os.stat_result, new: os.stat_result) -> Iterator[str]:
    same = one.read_bytes() == other.read_bytes()
    sides = any(is_file(Path(f"{name}{end}")) for name in (one, other) for end in SIDES)
    if (not same or sides) and (rows := as_sqlite_reads(one)) is not None:
        if rows != (theirs := as_sqlite_reads(other)):
            yield f"{path!r} reads {_short(theirs)} instead of {_short(rows)} in SQLite"
    elif not same:
        yield f"{path!r} has the content {other.read_bytes()[:60]!r} instead of {one.read_bytes()[:60]!r}"
    if old.st_mtime_ns != new.st_mtime_ns:
        yield f"{path!r} has the time {new.st_mtime_ns} instead of {old.st_mtime_ns}"


def _facts(tree: Path) -> dict[str, os.stat_result]:
    """All files, links and folders but pipes, sockets, devices and what SQLite keeps beside its databases."""
    found: dict[str, os.stat_result] = {}
    for where, folders, files in os.walk(tree):
        if where == str(tree) and RESERVED in folders:
            folders.remove(RESERVED)
        for name in [*folders, *files]:
            path = Path(where, name)
            facts = path.lstat()
            if stat.S_IFMT(facts.st_mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK) and not is_side_file(path):
                found[str(path.relative_to(tree))] = facts
    return found


def is_side_file(path: Path) -> bool:
    """Whether SQLite has made it beside a database that it can read."""
    base = next((path.with_name(path.name[: -len(end)]) for end in SIDES if path.name.endswith(end)), None)
    if base is None or not base.name or not is_file(path):
        return False
    beginning = path.read_bytes()[:4]
    ours = beginning in SIDE_BEGINNINGS or not beginning.strip(b"\0")
    return ours and as_sqlite_reads(base) is not None


def as_sqlite_reads(path: Path) -> list[str] | None:
    """All that a database says once a program opens it, with what lies beside it; None where it is none."""
    if not is_file(path) or not path.read_bytes().startswith(MAGIC):
        return None
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        for end in ("", "-wal", "-journal"):
            if is_file(Path(f"{path}{end}")):
                shutil.copyfile(f"{path}{end}", f"{copy}{end}", follow_symlinks=False)
        try:
            with contextlib.closing(sqlite3.connect(copy)) as database:
                if database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                    return None
                return [*database.iterdump(), *map(str, database.execute("PRAGMA user_version").fetchone())]
        except sqlite3.DatabaseError:
            return None


def is_file(path: Path) -> bool:
    """Also of names that are too long to be."""
    with contextlib.suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def _names_of_one(facts: dict[str, os.stat_result], names: set[str]) -> set[frozenset[str]]:
    groups = defaultdict(set)
    for name in names:
        if stat.S_ISREG(facts[name].st_mode):
            groups[facts[name].st_ino].add(name)
    return {frozenset(group) for group in groups.values() if len(group) > 1}


def _short(rows: list[str] | None) -> str:
    return "nothing" if rows is None else " ".join(rows)[:200]
