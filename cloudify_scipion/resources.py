"""Data that ships with the package: Puppet code and the plugin's description.

A checkout (or an editable install of one) has them at its root; in a wheel they are inside the package.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from cloudify_scipion.errors import PermanentError

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "_shipped"
_NOT_SHIPPED = frozenset({"spec", ".git", "__pycache__", ".rspec", ".fixtures.yml", "Rakefile"})


def puppet_folder() -> Path:
    """The folder of Puppet code: hiera.yaml, data, manifests, modules."""
    return _find("puppet")


def plugin_description() -> bytes:
    """The text of plugin.yaml."""
    return _find("plugin.yaml").read_bytes()


def shipped_files(folder: Path) -> dict[str, Path]:
    """Files below a folder of Puppet code, without the modules' own tests and without hidden files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part in _NOT_SHIPPED or part.startswith(".") for part in parts):
            found["/".join(parts)] = path
    return found


def files_digest(files: Mapping[str, Path]) -> str:
    """SHA-256 (hex) over names and contents of Puppet code; documents do not count."""
    digest = hashlib.sha256()
    for name, path in files.items():
        if not name.endswith(".md"):
            digest.update(f"{len(name)}:{name}:".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _find(name: str) -> Path:
    for folder in (_SHIPPED, _PACKAGE.parent):
        if (folder / name).exists() and (folder == _SHIPPED or (folder / "setup.py").exists()):
            return folder / name
    raise PermanentError(f"{name} is missing from this installation of cloudify-scipion", "install the package again")
