"""The end of what the local provider keeps in a state root, when nothing is left in it."""

from __future__ import annotations

from pathlib import Path

from cloudify_scipion.adapters.files import remove_if_empty
from cloudify_scipion.adapters.local.addresses import LOCK
from cloudify_scipion.adapters.local.volume_place import KNOWN, MARK

_MUST_BE_EMPTY = ("machines", "volumes/mnt", "store", "cache/base", "spaces")
_LOCKS = (LOCK, "volumes/.lock", f"volumes/{MARK}", "cache/layers/.lock")
_THEN = ("volumes", "cache/layers", "cache")


def remove_empty(root: Path) -> bool:
    """Remove folders and lock files without machines, volumes, caches and data; only empty folders ever go."""
    for space in (root / "spaces").glob("*"):
        remove_if_empty(space)
    if not all(remove_if_empty(root / name) for name in _MUST_BE_EMPTY) or list((root / "volumes").glob("*.img")):
        return False
    if (root / KNOWN).exists():  # there are volumes, on a disk that is not mounted
        return False
    for name in _LOCKS:
        (root / name).unlink(missing_ok=True)
    return all(remove_if_empty(root / name) for name in _THEN)
