"""Files of the store that a machine is given, so that its software is installed from a lock file and nothing else."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from cloudify_scipion.adapters.commands import run
from cloudify_scipion.adapters.files import write_atomic
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
