"""Databases in a folder of the working copy and what SQLite keeps beside them: each is looked at as one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from cloudify_scipion.agent.plan.names import base_of, joined
from cloudify_scipion.agent.ports.databases.beside import JOURNAL, WAL, belongs, is_database
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.tables.rows import Row

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
