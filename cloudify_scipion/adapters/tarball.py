"""Tar archives for sending files over SSH's standard input."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
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


def read_folder(folder: Path, paths: Iterable[Path], prefix: str = "") -> dict[str, bytes]:
    """The files `paths` below `folder`, by their relative path behind `prefix`."""
    return {f"{prefix}{path.relative_to(folder)}": path.read_bytes() for path in paths}


def unpack_on(shell: Shell, folder: str, archive: bytes, mode: str = "0700") -> None:
    """Make `folder` on the machine new, with that mode, and unpack `archive` in it."""
    shell.run(["rm", "-rf", folder])
    shell.run(["install", "-d", "-m", mode, folder])
    shell.run(["tar", "-C", folder, "-xf", "-"], stdin=archive, timeout=120)
