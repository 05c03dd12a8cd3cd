"""Comparing all that the data space should hold with what it gives back, past the writer's cache."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from cloudify_scipion.agent.errors import GuardFailed
from cloudify_scipion.agent.plan.names import MANIFEST, base_of, split
from cloudify_scipion.agent.ports.facts import kind, mtime_of
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.retrying_tree import open_tree
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.tables.trial import Read, Trial
from cloudify_scipion.agent.work.content import Changed, read_whole
from cloudify_scipion.agent.work.databases.clear_beside import old_beside, saved_beside
from cloudify_scipion.agent.work.manifest.read import is_whole
from cloudify_scipion.agent.work.manifest.write import begin_anew
from cloudify_scipion.agent.work.space.check import check_mark
from cloudify_scipion.agent.work.world import World

BATCH = 400


@dataclass
class Verified:
    """What was compared; `wrong` are the paths that the data space does not hold as they are, and why."""

    files: int = 0
    size: int = 0
    wrong: list[tuple[bytes, str]] = field(default_factory=list)


def verify(world: World, trial: Trial | None = None) -> Verified:
    """Read everything once more. What is wrong is saved again by the next push; `trial` is told what was read."""
    result = Verified()
    with other_way(world) as space:
        world.progress.start("verifying", *world.index.files.totals())
        batch: list[tuple[bytes, Row]] = []
        for item in world.index.files.all():
            batch.append(item)
            if len(batch) == BATCH:
                _verify_batch(world, space, batch, result, trial)
                batch = []
        _verify_batch(world, space, batch, result, trial)
        if reason := _manifest_is_wrong(world, space):
            result.wrong.append((MANIFEST, reason))
    for path, _ in result.wrong:
        row = world.index.files.get(path)
        if row is not None:
            world.index.files.put(path, row.without_remote(doubted=True))
    world.commit_and_tell()
    return result


def _manifest_is_wrong(world: World, space: ReadTree) -> str:
    """Why, empty if it is not; the next push writes it anew, under other names."""
    try:
        return "" if is_whole(world, space) else "it is not whole"
    except OSError as error:
        begin_anew(world)
        return f"it cannot be read: {error.strerror}"


@contextlib.contextmanager
def other_way(world: World) -> Iterator[ReadTree]:
    """The data space through its second mount; a plain folder is read past the cache instead.

    Raises GuardFailed where that mount is gone, or goes meanwhile: then nothing was shown to be wrong.
    """
    if not world.config.verify:
        world.space.sync()
        yield world.space
        return
    try:
        space = open_tree(world.config.verify)
    except OSError as error:
        raise GuardFailed(
            f"the data space's second mount is not there: {error.strerror}", "repair the project"
        ) from error
    try:
        check_mark(space)
        yield space
        check_mark(space)
    finally:
        space.leave()


def _verify_batch(
    world: World, space: ReadTree, batch: list[tuple[bytes, Row]], result: Verified, trial: Trial | None
) -> None:
    read = list[tuple[bytes, Read]]()
    sides = {path: saved_beside(world, path) for path, row in batch if row.local and row.kind == "f"}
    for (path, row), answer in world.each(lambda item: _look(space, *item, sides.get(item[0])), batch):
        if isinstance(answer, Read):
            read.append((path, answer))
        elif reason := (answer.strerror or str(answer)) if isinstance(answer, OSError) else answer:
            result.wrong.append((path, reason))
        result.files, result.size = result.files + 1, result.size + row.size
        world.progress.add(1, row.size)
    if trial is not None:
        trial.note_read(read)


def _look(space: ReadTree, path: bytes, row: Row, sides: Mapping[bytes, Row] | None) -> str | Read:
    """What is wrong with one path, empty if nothing is; or of a file, if nothing is, what was read."""
    found = _compare(space, path, row)
    if not isinstance(found, Read):
        return found
    if found.digest != row.hash:
        return "its content is another"
    return _beside(space, path, row, sides) or replace(found, digest=row.hash)


def _compare(space: ReadTree, path: bytes, row: Row) -> str | Read:
    """What is wrong with a path, but for content and what lies beside it; of a file, if nothing is, what was read."""
    if not row.held():
        return "it is not saved"
    if row.kind == "l":
        return "" if row.stored else _compare_link(space, path, row)
    try:
        digest, facts, database = read_whole(space, row.stored or path, uncached=True)
    except FileNotFoundError:
        return "it is not there"
    except Changed:
        return "it is being changed"
    return Read(row.stored, digest, facts.st_mode, mtime_of(facts), int(database))


def _beside(space: ReadTree, path: bytes, row: Row, known: Mapping[bytes, Row] | None) -> str:
    """What lies beside a database and is not its own: SQLite would replay it. Empty if nothing does."""
    if known is None or row.stored or base_of(path):
        return ""
    found = old_beside(space, path, {end: side for end, side in known.items() if side.held()})
    return f"{os.fsdecode(split(found[0])[1])} lies beside it and is not its own" if found else ""


def _compare_link(space: ReadTree, path: bytes, row: Row) -> str:
    """The manifest has all links; where the data space can hold them, they are there as well."""
    facts = space.stat(path)
    if facts is None:
        return "it is not there"
    if kind(facts) != "l":
        return "something else is there"
    return "" if space.readlink(path) == row.target else "it points elsewhere"
