"""Before a seal: what a new machine would get from data space and manifest, beside what the volume holds.

It is made by the rules of a pull (`plan.restored`) of what the verification has read, of the manifest, and of a
listing, all of them through the way of the verification. No content is read again but that of databases which something
lies beside.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

from cloudify_scipion.agent.errors import Temporary
from cloudify_scipion.agent.plan.manifest import Entry, entry_from
from cloudify_scipion.agent.plan.names import joined
from cloudify_scipion.agent.plan.restored import PLAIN_FOLDER, folder_mode, given_back, is_name_of, only_in_manifest
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.tables.trial import Read, Trial
from cloudify_scipion.agent.work import scratch
from cloudify_scipion.agent.work.manifest.read import chain, entries
from cloudify_scipion.agent.work.pull.find_new import is_folder_wanted, is_wanted
from cloudify_scipion.agent.work.pull.list_space import BATCH, Listed, as_ours
from cloudify_scipion.agent.work.seal.compare import Proven, compare, open_databases
from cloudify_scipion.agent.work.seal.verify import other_way
from cloudify_scipion.agent.work.space.probe import KEY as ABILITIES
from cloudify_scipion.agent.work.world import World

Unseen = list[tuple[bytes, str]]
"""Paths of the data space of which nobody knows what a new machine would get, and why."""


@contextlib.contextmanager
def new_trial(world: World) -> Iterator[Trial]:
    """The tables, in our own folder on the volume. Raises Temporary where they cannot be written."""
    with scratch.copied(world, "trial-") as path:
        try:
            trial = Trial(path)
            with contextlib.closing(trial):
                yield trial
        except sqlite3.Error as error:  # of this one or of the index, whose next work finds out
            raise Temporary(
                f"it cannot be proven that the data space has all: {error} ({path} or the index beside {path.parent})",
                "the volume is kept; it is tried again by itself; the operator looks at the volume and its room",
            ) from error


def prove(world: World, trial: Trial) -> Proven:
    """Build what a new machine would get, and compare it with the volume."""
    with other_way(world) as space:
        unseen = restore_on_trial(world, space, trial)
        found = compare(world, trial)
        found.wrong += unseen
        open_databases(world, space, trial, found)
    return found


def restore_on_trial(world: World, space: ReadTree, trial: Trial) -> Unseen:
    """Let `trial` be the index of a new machine after its first pull."""
    world.progress.start("proving what a new machine would get")
    for link in chain(world, space):
        with link.stream:
            trial.base.take((path, entry.row() if entry else None) for path, entry in entries(world, link.stream))
    unseen = _list(world, space, trial)
    after = b""
    while rows := trial.listing.some(after, BATCH):
        unseen += _settle(world, space, trial, rows)
        world.session.beat()
        after = rows[-1][0]
    for row in trial.base.all():
        if row["k"] != "f" or row.get("at"):  # of all others the listing has told
            _apply(trial, entry_from(row))
        world.session.beat()
    trial.commit()
    return unseen


def _list(world: World, space: ReadTree, trial: Trial) -> Unseen:
    """Names and kinds: what the files are like is known since they were read."""
    trial.set_state(ABILITIES, world.index.get_state(ABILITIES))
    unseen: Unseen = []
    machine, level = replace(world, index=trial, learnt=replace(world.learnt)), [b""]
    while level:
        below: list[bytes] = []
        for path, found in world.each(space.kinds, level):
            if isinstance(found, OSError):
                unseen.append((path, f"the folder cannot be listed in the data space: {found.strerror}"))
                continue
            inside = as_ours(machine, path, [(joined(path, name), form, 0, 0, 0, 0) for name, form in found])
            trial.listing.keep(path, inside)
            below += [row[0] for row in inside if row[1] == "d"]
        level = below
    return unseen


def _settle(world: World, space: ReadTree, trial: Trial, rows: list[Listed]) -> Unseen:
    """As the pull settles a batch: folders, files and links, then the further names of files."""
    paths = [row[0] for row in rows]
    bases = {path: entry_from(row) for path, row in trial.base.rows(paths).items()}
    reads, unseen = trial.what_was_read(paths), Unseen()
    for path, form, *_ in rows:
        base = bases.get(path)
        if form == "d" and is_folder_wanted(world, path, base is not None):
            mode = base.mode if base else _mode_there(space, path, unseen)
            trial.folders.add(path, mode=folder_mode(mode))
    wanted = [row for row in rows if row[1] in "fl" and is_wanted(world, row[0], row[0] in bases)]
    later = [row for row in wanted if row[0] in bases and bases[row[0]].link]
    made: dict[bytes, Row] = {}
    for path, form, *_ in [*(row for row in wanted if row not in later), *later]:
        if form == "l":
            made[path] = Row("l", target=_target_there(space, path, unseen))
        else:
            base, read = bases.get(path), reads.get(path)
            first = made.get(base.link) or trial.files.get(base.link) if base and base.link else None
            made[path] = _pulled(base, first, read if read and not read.stored else None)
    trial.files.put_all(list(made.items()))
    return unseen


def _mode_there(space: ReadTree, path: bytes, unseen: Unseen) -> int:
    try:
        facts = space.stat(path)
    except OSError as error:
        unseen.append((path, f"the folder cannot be looked at in the data space: {error.strerror}"))
        return PLAIN_FOLDER
    return facts.st_mode if facts else PLAIN_FOLDER


def _target_there(space: ReadTree, path: bytes, unseen: Unseen) -> bytes:
    try:
        return space.readlink(path)
    except OSError as error:
        unseen.append((path, f"the link cannot be read in the data space: {error.strerror}"))
        return b""


def _pulled(base: Entry | None, first: Row | None, read: Read | None) -> Row:
    """The row of a pulled file. What was not read was not saved from here: of that only the name counts."""
    if read is None:
        return Row("f")
    mode, mtime = given_back(base, read.digest, read.mode, read.mtime)
    if base and first and is_name_of(base, first.kind, first.hash, read.digest):
        return Row("f", first.mode, mtime=first.mtime, hash=read.digest, link=base.link)
    return Row("f", mode, mtime=mtime, hash=read.digest)


def _apply(trial: Trial, entry: Entry) -> None:
    """As the first pull makes of the manifest what is not there yet."""
    if (
        not only_in_manifest(entry)
        or trial.files.get(entry.path) is not None
        or trial.folders.number(entry.path) is not None
    ):
        return
    if entry.kind == "d":
        trial.folders.add(entry.path, mode=folder_mode(entry.mode))
    elif entry.kind == "l":
        trial.files.put(entry.path, Row("l", target=entry.target))
    else:
        read = trial.what_was_read([entry.path]).get(entry.path)
        if read is not None and read.stored == entry.stored:
            trial.files.put(entry.path, _pulled(entry, trial.files.get(entry.link) if entry.link else None, read))
