"""What people see of the trash: the list of what lies there, and the choice of one version of a path."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.config import Config
from cloudify_scipion.agent.plan.names import TRASH, readable
from cloudify_scipion.agent.plan.text import parse, shown
from cloudify_scipion.agent.ports.index import INDEX, Index

FILE = "trash.json"
LISTED = 5000
"""How many of the latest everybody may see; root sees all."""
Listed = dict[str, Any]
"""`version` (a number), `path`, `name` (below the trash), `bytes`, `at`, `why` (replaced, deleted) and `of` (project,
originals, others)."""


def write_list(config: Config, index: Index) -> None:
    """Put the list where everybody may read it, if it is another one."""
    known, mark = _read(config.run / FILE), index.trash.mark()
    if known and known.get("mark") == mark:
        return
    document = {"mark": mark, "versions": list(_versions(index, LISTED)), "all": mark[0]}
    part = config.run / "trash.part"
    part.write_text(json.dumps(document))
    part.chmod(0o644)
    part.rename(config.run / FILE)


def read_list(config: Config) -> tuple[list[Listed], int]:
    """The latest versions, newest first, and how many there are: all of them for who may read the index."""
    with contextlib.suppress(sqlite3.Error), closing(Index(config.state / INDEX, reading=True)) as index:
        found = list(_versions(index))
        return found, len(found)
    document = _read(config.run / FILE) or {}
    return list(document.get("versions", [])), int(document.get("all", 0))


def _versions(index: Index, limit: int = -1) -> Iterator[Listed]:
    for kept in index.trash.latest(limit):
        yield {
            "version": kept.number, "path": os.fsdecode(kept.path), "name": os.fsdecode(kept.name[len(TRASH) + 1 :]),
            "bytes": kept.size, "at": kept.at, "why": "deleted" if kept.gone else "replaced",
            "of": "project" if kept.origin > 0 else "others" if kept.origin else "originals",
        }  # fmt: skip


def matching(versions: Sequence[Listed], pattern: str) -> list[Listed]:
    """Those whose path matches: a pattern with `*`, `?` or `[]`, or a part of the path."""
    if not set("*?[") & set(pattern):
        return [one for one in versions if pattern in one["path"]]
    return [one for one in versions if fnmatch.fnmatchcase(one["path"], pattern)]


def chosen(versions: Sequence[Listed], wanted: str, version: int | None, top: Path) -> Listed | None:
    """The version that is meant by a name in the trash, or by a path below `top`: the newest, or that of a number."""
    path = wanted.removeprefix(f"{top}/").removeprefix("./")
    found = [one for one in versions if wanted == one["name"] or path == one["path"]]
    return next((one for one in found if version in (None, one["version"])), None)


def lines(versions: Sequence[Listed], count: int) -> list[str]:
    """The list for a person."""
    out = [
        f"{one['version']:>7}  {one['at'] or 'earlier':<25}  {one['why']:<8}  {shown(one['bytes']):>9}  "
        f"{readable(one['path'])}" + (f"  ({one['of']})" if one["of"] != "project" else "")
        for one in versions
    ]
    return [*out, f"{len(versions)} of {count} versions; bring one back with: scipion-data trash restore PATH"]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = parse(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
