"""Tar archives for sending files over SSH's standard input."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from cloudify_scipion.lifecycle.ports import Shell


def pack(files: Mapping[str, bytes], mode: int = 0o600) -> bytes:
    """A tar of `files` (relative path to content), owned by root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def read_files(files: Mapping[str, Path]) -> dict[str, bytes]:
    """The contents of `files` (name to file), by their names."""
    return {name: path.read_bytes() for name, path in files.items()}


def unpack_on(shell: Shell, folder: str, archive: bytes, mode: str = "0700") -> None:
    """Make `folder` on the machine new, with that mode, and unpack `archive` in it."""
    shell.run(["rm", "-rf", folder])
    shell.run(["install", "-d", "-m", mode, folder])
    shell.run(["tar", "-C", folder, "-xf", "-"], stdin=archive, timeout=120)
