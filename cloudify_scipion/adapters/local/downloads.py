"""Packages, wheels and archives that a machine downloaded, kept beside the layers by their SHA-256."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cloudify_scipion.adapters.files import make_private, write_atomic
from cloudify_scipion.adapters.local.supplies import LOCKED, sha256_of
from cloudify_scipion.adapters.local.tree import remove_tree

KINDS = {".deb": "debs", ".whl": "wheels", ".gz": "wheels", ".zip": "wheels"}
"""Suffix of a download -> folder of the store; sources of Python packages stand beside the wheels."""


def keep_downloads(downloads: Path, store: Path, note: Path) -> dict[str, str]:
    """Move all downloads into the store; returns KIND/FILENAME -> SHA-256 of all that were ever moved.

    `note` is a file that remembers them, so that nothing is forgotten when this is broken off and done again.
    """
    remove_tree(downloads / LOCKED)  # copies of what the store has
    found = {path: f"{kind}/{path.name}" for path in _files(downloads) if (kind := _kind(path, downloads)) is not None}
    digests = {path: sha256_of(path) for path in found}
    kept = {**_noted(note), **{found[path]: digest for path, digest in digests.items()}}
    write_atomic(note, json.dumps(kept, indent=1, sort_keys=True).encode())
    for path, digest in digests.items():
        target = store / found[path].split("/")[0] / digest / path.name
        make_private(target.parent)
        os.chown(path, 0, 0)
        path.chmod(0o644)
        path.replace(target)
    return kept


def _kind(path: Path, downloads: Path) -> str | None:
    if path.parent == downloads / "archives":
        return None if path.suffix == ".part" else "archives"
    kind = KINDS.get(path.suffix)
    return kind if kind == "debs" or path.parent.name == "wheels" else None


def _noted(note: Path) -> dict[str, str]:
    try:
        noted = json.loads(note.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _files(folder: Path) -> list[Path]:
    found = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return [path for path in found if path.is_file() and not path.is_symlink()]
