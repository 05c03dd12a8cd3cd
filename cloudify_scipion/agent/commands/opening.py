"""Opening the index, and all ports of a work. An index that is damaged is put aside: it can be made anew."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress

from cloudify_scipion.agent import status
from cloudify_scipion.agent.config import Config
from cloudify_scipion.agent.errors import GuardFailed, Temporary
from cloudify_scipion.agent.ports.clock import Clock
from cloudify_scipion.agent.ports.index import INDEX, Index
from cloudify_scipion.agent.ports.mount import is_mount
from cloudify_scipion.agent.ports.retrying_tree import open_tree
from cloudify_scipion.agent.ports.tables.store import OtherVersion
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.pull.pull import UPGRADED
from cloudify_scipion.agent.work.telling import Progress
from cloudify_scipion.agent.work.world import World


def make_world(config: Config, index: Index, name: str) -> World:
    """All ports for a work. Raises GuardFailed where a folder is not there."""
    try:
        tree, state = open_tree(str(config.tree)), open_tree(str(config.state))
    except OSError as error:
        raise GuardFailed(
            f"{os.fsdecode(error.filename)} is not there: {error.strerror}", "repair the project"
        ) from error
    space = _open_space(config)
    if config.mounted and not is_mount(space.folder(b"").fd, config.space):
        raise GuardFailed(f"the data space is not mounted at {config.space}", "repair the project")
    world = World(config, tree, state, space, index, Clock(), Progress(config.run / status.PROGRESS, name))
    world.session.beat = lambda: lease.beat_when_due(world)
    return world


def _open_space(config: Config) -> Tree:
    try:
        return open_tree(str(config.space))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise GuardFailed(
            f"the data space is not mounted: {config.space} is not there ({error.strerror})", "repair the project"
        ) from error
    except OSError as error:
        raise Temporary(f"the data space does not answer: {error.strerror}", "repair the project") from error


def open_index(config: Config) -> Index:
    """The index; one that is damaged or of another version is put aside: everything can be compared by content."""
    path = config.state / INDEX
    try:
        return Index(path)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        put_aside(config)
        index = Index(path)
        if isinstance(error, OtherVersion):  # nothing is wrong
            index.set_state(UPGRADED, True)
            index.people.event(Clock().iso(), "event", f"{error}: it is put aside, and all is compared by content")
            index.commit()
        return index


def is_damage(error: sqlite3.Error) -> bool:
    """Not a full disk, or one that cannot be read now. (Another version's index is as good as a damaged one.)"""
    damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return damaged or isinstance(error, OtherVersion)


def put_aside(config: Config) -> None:
    """Rename the index and what belongs to it; the next work makes another. Raises GuardFailed.

    The index goes last: what is left of another one would be replayed in a new one.
    """
    path = config.state / INDEX
    for end in ("-shm", "-wal", ""):
        damaged = path.with_name(path.name + end)
        try:
            with suppress(FileNotFoundError):
                damaged.rename(path.with_name(f"aside{end}-{time.time_ns()}"))
        except OSError as error:
            raise GuardFailed(
                f"the index is damaged, and cannot be put aside: {damaged}: {error.strerror}",
                "the operator moves it away: the index is made anew then, by content; nothing is saved until then",
            ) from error
