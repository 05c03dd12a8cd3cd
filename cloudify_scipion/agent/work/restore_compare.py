"""The volume beside a restore on trial: every name, kind, link, mode, time, digest, and which names are one file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cloudify_scipion.agent.plan.names import RESERVED, base_of, joined
from cloudify_scipion.agent.plan.restored import PLAIN_FOLDER, file_mode, folder_mode
from cloudify_scipion.agent.ports.ahead import ReadAhead
from cloudify_scipion.agent.ports.databases.beside import belongs
from cloudify_scipion.agent.ports.facts import ino_of, kind, mtime_of
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.tables.trial import Trial
from cloudify_scipion.agent.work.world import World

MAX_TOLD = 1000


@dataclass
class Proven:
    """What a new machine would get of the volume; `more` is what it would get besides. `wrong`: (path, difference)."""

    files: int = 0
    folders: int = 0
    links: int = 0
    databases: int = 0
    more: int = 0
    wrong: list[tuple[bytes, str]] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return {"files": self.files, "folders": self.folders, "links": self.links, "databases": self.databases}

    def differs(self, path: bytes, reason: str) -> None:
        """Something is not as it is here."""
        if len(self.wrong) < MAX_TOLD:
            self.wrong.append((path, reason))


def compare(world: World, trial: Trial) -> Proven:
    """Walk through the volume, folder by folder."""
    found = Proven()
    stack = [b""]
    with ReadAhead(world.tree) as ahead:
        while stack:
            path = stack.pop()
            world.beat()
            try:
                entries = ahead.entries(path, reversed(stack))
            except OSError as error:
                found.differs(path, f"the folder cannot be read here: {error.strerror}")
                continue
            inside = [(name, st) for name, st in entries if path or name != RESERVED]
            stack += reversed(list(_compare_folder(world, trial, path, inside, found)))
    world.tree.forget()
    for path, other in trial.parted_names():
        found.differs(path, f"it would not be the same file as {os.fsdecode(other)}")
    found.more = trial.totals()[0] - found.files - found.links
    return found


def _compare_folder(
    world: World, trial: Trial, path: bytes, entries: list[tuple[bytes, os.stat_result]], found: Proven
) -> Iterator[bytes]:
    """Compare what is in a folder; yields the folders in it."""
    here, there = world.index.folder_id(path), trial.folder_id(path)
    known = world.index.files(here) if here is not None else {}
    rows = trial.files(there) if there is not None else {}
    folders = trial.folders(there) if there is not None else {}
    names = {name for name, _ in entries}
    for name, facts in entries:
        inside, form = joined(path, name), kind(facts)
        if form == "d":
            yield inside
            found.folders += 1
            mode = folders[name].mode or PLAIN_FOLDER if name in folders else -1
            if name not in folders:
                found.differs(inside, "the folder would not be there")
            elif mode != folder_mode(facts.st_mode):
                found.differs(inside, f"it would have mode {mode:o} instead of {folder_mode(facts.st_mode):o}")
        elif form == "l":
            found.links += 1
            row = rows.get(name)
            if row is None or row.kind != "l":
                found.differs(inside, "the link would not be there" if row is None else "it would be no link")
            elif row.target != _target_of(world, inside):
                found.differs(inside, f"it would point to {os.fsdecode(row.target)}")
        elif form == "f" and not _is_side(world, path, name, names, known):
            found.files += 1
            _compare_file(inside, facts, known.get(name), rows.get(name), trial, found)


def _target_of(world: World, path: bytes) -> bytes | None:
    """Where a link points to here, None if nobody can tell."""
    with contextlib.suppress(OSError):
        return world.tree.readlink(path)
    return None


def _is_side(world: World, path: bytes, name: bytes, names: set[bytes], known: Mapping[bytes, Row]) -> bool:
    """Whether a file is SQLite's own beside a database, and is not saved: what it says is in the database's copy."""
    base = base_of(name)
    return name not in known and base in names and belongs(world.tree, joined(path, base), joined(path, name))


def _compare_file(
    path: bytes, facts: os.stat_result, saved: Row | None, row: Row | None, trial: Trial, found: Proven
) -> None:
    if saved is None:
        found.differs(path, "it is not known to be saved")
    elif row is None or row.kind != "f":
        found.differs(path, "it would not be there" if row is None else "it would be no file")
    elif row.hash != saved.hash:
        found.differs(path, "it would have another content")
    elif row.mode != file_mode(facts.st_mode):
        found.differs(path, f"it would have mode {row.mode:o} instead of {file_mode(facts.st_mode):o}")
    elif row.mtime != mtime_of(facts):
        found.differs(path, f"it would have the time {row.mtime} ns instead of {mtime_of(facts)}")
    elif facts.st_nlink > 1:
        trial.note_name(ino_of(facts), path, row.link or path)
    elif row.link:
        found.differs(path, f"it would be another name of {os.fsdecode(row.link)}")
