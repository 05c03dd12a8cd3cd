"""The manifest: what the data space holds, and what it cannot hold itself (modes, links, odd names, deletions).

It is a chain of segments, each a gzip file of JSON lines: a header, one entry a line, and an end with the number of
entries. The header names the digest of the segment before, so that a lost or foreign one is noticed. A *base* segment
begins a chain anew. A path is text; bytes that are no UTF-8 are lone surrogates, as Python writes file names.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cloudify_scipion.agent.plan.names import ODD, is_reserved, leads_down, split

VERSION = 1
NONE = "0" * 64
"""Digest of the segment before the first."""


@dataclass(frozen=True)
class Entry:
    """One path. `kind` is f (file), l (symbolic link) or d (folder); sizes are bytes, times nanoseconds since 1970.

    `hash` is the SHA-256 of the content in the data space. `origin` is the generation that wrote it, 0 if none of ours.
    `link` names the first path of the same inode; `point` marks the copy of a file that was still being written.
    `stored` is where the content lies if not at `path`. `size` and `mtime` are those of the working copy's file.
    """

    path: bytes
    kind: str
    mode: int = 0
    size: int = 0
    mtime: int = 0
    hash: str = ""
    origin: int = 0
    target: bytes = b""
    link: bytes = b""
    stored: bytes = b""
    point: bool = False

    def row(self) -> dict[str, Any]:
        """JSON types; what is empty is left out."""
        row: dict[str, Any] = {"p": os.fsdecode(self.path), "k": self.kind, "m": self.mode}
        for key, value in (
            ("s", self.size), ("t", self.mtime), ("h", self.hash), ("o", self.origin), ("pt", self.point),
            ("to", os.fsdecode(self.target)), ("ln", os.fsdecode(self.link)), ("at", os.fsdecode(self.stored)),
        ):  # fmt: skip
            if value:
                row[key] = value
        return row


def entry_from(row: dict[str, Any]) -> Entry:
    """The reverse of `Entry.row`."""
    return Entry(
        os.fsencode(row["p"]), row["k"], row["m"], row.get("s", 0), row.get("t", 0), row.get("h", ""),
        row.get("o", 0), os.fsencode(row.get("to", "")), os.fsencode(row.get("ln", "")), os.fsencode(row.get("at", "")),
        bool(row.get("pt", False)),
    )  # fmt: skip


def leads_astray(entry: Entry) -> bool:
    """Whether an entry names anything but a path of a working copy: others can write to the data space, too."""
    elsewhere = entry.stored and (split(entry.stored)[0] != ODD or not leads_down(entry.stored))
    return bool(elsewhere) or not leads_down(entry.path) or is_reserved(entry.path) or b"\0" in entry.target


@dataclass(frozen=True)
class Header:
    """The first line of a segment. `before` is the digest of the segment before; a base has none."""

    project: str
    generation: int
    number: int
    before: str = NONE
    base: bool = False

    def row(self) -> dict[str, Any]:
        """JSON types."""
        return {"version": VERSION, "project": self.project, "generation": self.generation, "number": self.number,
                "before": self.before, "base": self.base}  # fmt: skip


def encode(header: Header, entries: Iterable[Entry], gone: Iterable[bytes] = ()) -> bytes:
    """A segment's bytes."""
    buffer, count = io.BytesIO(), 0
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0) as stream:
        for row in _rows(header, entries, gone):
            stream.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
            count += 1
        stream.write(json.dumps({"end": count}).encode() + b"\n")
    return buffer.getvalue()


def _rows(header: Header, entries: Iterable[Entry], gone: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    yield header.row()
    yield from (entry.row() for entry in entries)
    yield from ({"p": os.fsdecode(path), "gone": True} for path in gone)


class Damaged(ValueError):
    """A segment that is not whole, or does not follow the one before."""


class Later(Damaged):
    """A segment of a later version of this software."""


def decode(data: bytes) -> tuple[Header, Iterator[tuple[bytes, Entry | None]]]:
    """A segment's header and its entries (None: the path is gone), in their order. Raises Damaged, at once."""
    try:
        lines = gzip.decompress(data).splitlines()
        first, last = json.loads(lines[0]), json.loads(lines[-1])
        if first["version"] > VERSION:
            raise Later(f"version {first['version']}")
        if last["end"] != len(lines) - 1:
            raise Damaged("cut short")
        header = Header(first["project"], first["generation"], first["number"], first["before"], first["base"])
    except Damaged:
        raise
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise Damaged(str(error)) from error
    rows = (json.loads(line) for line in lines[1:-1])
    return header, ((os.fsencode(row["p"]), None if row.get("gone") else entry_from(row)) for row in rows)


def digest(data: bytes) -> str:
    """SHA-256 (hex) of a segment; that of the last one stands for the whole manifest."""
    return hashlib.sha256(data).hexdigest()


def segment_name(number: int) -> bytes:
    """The file name of a segment."""
    return f"{number:08d}.json.gz".encode()


def segment_number(name: bytes) -> int:
    """The reverse; 0 for other names."""
    head, _, tail = name.partition(b".")
    return int(head) if tail == b"json.gz" and len(head) == 8 and head.isdigit() else 0
