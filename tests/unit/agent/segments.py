"""Segments of the manifest as bytes, for tests."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable

from cloudify_scipion.agent.plan import manifest
from cloudify_scipion.agent.plan.manifest import Entry, Header


def encode(header: Header, entries: Iterable[Entry], gone: Iterable[bytes] = ()) -> bytes:
    buffer = io.BytesIO()
    manifest.encode(buffer, header, [*entries, *gone])
    return buffer.getvalue()


def decode(data: bytes) -> tuple[Header, list[tuple[bytes, Entry | None]]]:
    header, entries = manifest.decode(io.BytesIO(data))
    return header, list(entries)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
