"""The end of a state root in which nothing is left."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from cloudify_scipion.adapters.local.volume_place import KNOWN, MARK

_MUST_BE_EMPTY = ("projects", "machines", "volumes/mnt", "secrets", "store", "cache/base", "spaces")
_LOCKS = ("ports.lock", "volumes/.lock", f"volumes/{MARK}", "cache/layers/.lock")
_THEN = ("volumes", "cache/layers", "cache", "locks", "ended")


def remove_empty_state(root: Path) -> bool:
    """Remove the folders and lock files of a state root without projects, volumes, caches and secrets.

    True if the root is gone. Only empty folders and files without content of ours are ever removed, one by one.
    """
    for space in (root / "spaces").glob("*"):
        _remove_folder(space)
    if not all(_remove_folder(root / name) for name in _MUST_BE_EMPTY) or list((root / "volumes").glob("*.img")):
        return False
    if (root / KNOWN).exists():  # there are volumes, on a disk that is not mounted
        return False
    for path in [*(root / name for name in _LOCKS), *(root / "locks").glob("*"), *(root / "ended").glob("*.json")]:
        path.unlink(missing_ok=True)
    if not all(_remove_folder(root / name) for name in _THEN):
        return False
    for name in ("installation", "installation.lock"):
        (root / name).unlink(missing_ok=True)
    return _remove_folder(root)


def _remove_folder(path: Path) -> bool:
    with suppress(OSError):  # not empty, or not there
        path.rmdir()
    return not path.exists()
