"""The manifest: what the data space holds, and what it cannot hold itself (modes, links, odd names, deletions).

It is a chain of segments, each a gzip file of JSON lines: a header, one entry a line, and an end with the number of
entries. The header names the digest of the segment before, so that a lost or foreign one is noticed. A *base* segment
begins a chain anew. A path is text; bytes that are no UTF-8 are lone surrogates, as Python writes file names.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, Protocol

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.plan import digests
from cloudify_scipion.agent.plan.digests import FIRST, algorithm_of, use
from cloudify_scipion.agent.plan.names import ODD, is_reserved, leads_down, split
from cloudify_scipion.agent.plan.text import parse

VERSION = 1
NONE = "0" * 64
"""Digest of the segment before the first."""
MAX_LINE = 1 << 26
"""Bytes. No entry is as long: it names at most four paths, each byte as up to six characters."""
_BROKEN = (gzip.BadGzipFile, EOFError, zlib.error, ValueError, KeyError, TypeError, IndexError)


class Sink(Protocol):
    """What a segment is written to."""

    def write(self, data: bytes, /) -> object:
        """Take all of it."""

    def flush(self) -> object:
        """Keep nothing back."""


@dataclass(frozen=True)
class Entry:
    """One path. `kind` is f (file), l (symbolic link) or d (folder); sizes are bytes, times nanoseconds since 1970.

    `hash` is the digest of the content in the data space (see `plan.digests`). `origin` is the generation that wrote
    it, or 0 or -1 (see `plan.names`).
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
    """An entry of its JSON types: the reverse of `Entry.row`. Raises UnknownAlgorithm."""
    if ":" in row.get("h", ""):
        use([algorithm_of(row["h"])])
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
    """The first line of a segment. `before` is the digest of the segment before; a base has none.

    `nonce` tells whose attempt it was: the index knows those of its own. The line also names the algorithm of the
    newest digests that the segment may hold.
    """

    project: str
    generation: int
    number: int
    before: str = NONE
    base: bool = False
    nonce: str = ""

    def row(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "version": VERSION, "project": self.project, "generation": self.generation, "number": self.number,
            "before": self.before, "base": self.base, "nonce": self.nonce, "algorithm": digests.ALGORITHM,
        }  # fmt: skip


def encode(sink: Sink, header: Header, items: Iterable[Entry | bytes]) -> None:
    """Write a segment; an item that is but a path is gone. Nothing is kept in memory, however much there is."""
    count = 0
    with gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=1, mtime=0) as stream:
        for row in _rows(header, items):
            stream.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
            count += 1
        stream.write(json.dumps({"end": count}).encode() + b"\n")
    sink.flush()


def _rows(header: Header, items: Iterable[Entry | bytes]) -> Iterator[dict[str, Any]]:
    yield header.row()
    for item in items:
        yield item.row() if isinstance(item, Entry) else {"p": os.fsdecode(item), "gone": True}


class Damaged(ValueError):
    """A segment that is not whole, or does not follow the one before."""


class Later(AgentError, code=1):
    """A segment of a later version of this software: nothing is read of it, and nothing written above it."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the manifest of the data space is one of a later version of this software ({what}): it stays as it is",
            "install that version again, and repair the project; until then not all is saved",
        )


def decode(stream: BinaryIO) -> tuple[Header, Iterator[tuple[bytes, Entry | None]]]:
    """A segment's header and its entries (None: the path is gone), in their order.

    Raises Damaged, Later or UnknownAlgorithm, at once.
    """
    header, count, last = header_of(stream), -1, b""
    try:
        for line in _lines(stream):
            count, last = count + 1, line
        if parse(last)["end"] != count:
            raise Damaged("cut short")
    except Damaged:
        raise
    except _BROKEN as error:
        raise Damaged(str(error)) from error
    return header, _entries(stream, count - 1)


def header_of(stream: BinaryIO) -> Header:
    """What a segment says of itself. Raises Damaged, Later or UnknownAlgorithm."""
    try:
        first = parse(next(_lines(stream), b""))
        if first["version"] > VERSION:
            _must_be_whole(stream)
            raise Later(f"version {first['version']}")
        if first.get("algorithm", FIRST) not in digests.ALGORITHMS:
            _must_be_whole(stream)
        use([first.get("algorithm", FIRST)])
        return Header(first["project"], first["generation"], first["number"], first["before"], first["base"],
                      first.get("nonce", ""))  # fmt: skip
    except Damaged:
        raise
    except _BROKEN as error:
        raise Damaged(str(error)) from error


def _must_be_whole(stream: BinaryIO) -> None:
    """Where a bit was changed, the rest may look like a later version's. Raises what _BROKEN has, by the checksum that
    comes last."""
    stream.seek(0)
    with gzip.GzipFile(fileobj=stream, mode="rb") as text:
        while text.read(1 << 20):
            pass


def _entries(stream: BinaryIO, count: int) -> Iterator[tuple[bytes, Entry | None]]:
    for line in islice(_lines(stream), 1, count + 1):
        row = parse(line)
        yield os.fsencode(row["p"]), None if row.get("gone") else entry_from(row)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    stream.seek(0)
    with gzip.GzipFile(fileobj=stream, mode="rb") as text:
        while line := text.readline(MAX_LINE):
            if not line.endswith(b"\n"):
                raise Damaged("cut short" if len(line) < MAX_LINE else "a line is too long")
            yield line


def segment_name(number: int) -> bytes:
    """The file name of a segment."""
    return f"{number:08d}.json.gz".encode()


def segment_number(name: bytes) -> int:
    """The number in a segment's file name; 0 for other names."""
    head, _, tail = name.partition(b".")
    return int(head) if tail == b"json.gz" and len(head) == 8 and head.isdigit() else 0
