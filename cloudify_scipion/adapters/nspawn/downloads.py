"""Packages and wheels that a machine downloaded, kept beside the layers by their SHA-256."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

KINDS = {".deb": "debs", ".whl": "wheels", ".gz": "wheels", ".zip": "wheels"}
"""Suffix of a download -> folder of the store; sources of Python packages stand beside the wheels."""


def keep_downloads(downloads: Path, store: Path) -> dict[str, str]:
    """Move all downloads into the store; returns KIND/FILENAME -> SHA-256 of them. What else lies there stays."""
    kept = {}
    for path in sorted(_files(downloads)):
        kind = KINDS.get(path.suffix)
        if kind is None or (path.suffix != ".deb" and "wheels" not in path.parts):
            continue
        digest = _sha256(path)
        target = store / kind / digest / path.name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(path, 0, 0)
        path.chmod(0o644)
        path.replace(target)
        kept[f"{kind}/{path.name}"] = digest
    return kept


def _files(folder: Path) -> list[Path]:
    found = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return [path for path in found if path.is_file() and not path.is_symlink()]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
