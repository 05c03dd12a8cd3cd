"""The store of files: what machines download is kept there, and given to those that are installed from a lock file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cloudify_scipion.adapters.commands import run
from cloudify_scipion.adapters.files import make_private, write_atomic
from cloudify_scipion.adapters.local.tree import remove_tree
from cloudify_scipion.errors import PermanentError

LOCKED = "locked"
"""Folder of the downloads that is a repository of apt with the lock's .debs, named by their SHA-256."""


def store_path(store: Path, name: str, sha256: str) -> Path:
    """Where the store has a file (KIND/NAME), if it has it."""
    kind, file = name.split("/")
    return store / kind / sha256 / file


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def missing(store: Path, files: Mapping[str, str]) -> list[str]:
    """Names of files that the store does not have, or has only damaged."""
    return [reason for name, sha256 in sorted(files.items()) if (reason := _gone(store, name, sha256))]


def supply(store: Path, files: Mapping[str, str], downloads: Path) -> None:
    """Copy files of the store to where a stopped machine looks for its downloads, once.

    Copies, because the machine's root could change the store through a link. Raises PermanentError with all that are
    gone.
    """
    index = downloads / LOCKED / "Packages"
    if index.is_file():
        return
    if bad := missing(store, files):
        what = f"the store does not have what the lock file names: {', '.join(bad)}"
        raise PermanentError(
            what, "bring them back (store/KIND/SHA256/NAME in the state root), or render without --lock"
        )
    for folder in (LOCKED, "wheels", "archives"):
        remove_tree(downloads / folder)  # whatever the machine's root may have put there
        (downloads / folder).mkdir()
        (downloads / folder).chmod(0o755)  # apt and pip read them as users of their own, whatever the caller's umask is
    for name, sha256 in files.items():
        target = _target(downloads, name, sha256)
        shutil.copyfile(store_path(store, name, sha256), target)
        target.chmod(0o644)
    write_atomic(index, _index(downloads / LOCKED).encode(), mode=0o644)


def _gone(store: Path, name: str, sha256: str) -> str:
    path = store_path(store, name, sha256)
    if not path.is_file():
        return path.name
    return "" if sha256_of(path) == sha256 else f"{path.name} (damaged)"


def _target(downloads: Path, name: str, sha256: str) -> Path:
    kind, file = name.split("/")
    return downloads / LOCKED / f"{sha256}.deb" if kind == "debs" else downloads / kind / file


def _index(folder: Path) -> str:
    """The text of the file Packages, by which apt finds the .debs of a folder."""
    records = []
    for deb in sorted(folder.glob("*.deb")):
        control = run(["dpkg-deb", "--field", str(deb)]).stdout.rstrip("\n")
        records.append(f"{control}\nFilename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {deb.stem}\n")
    return "\n".join(records)


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
