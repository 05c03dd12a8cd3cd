"""Whether the place of the volumes is the one where they were made: the disk that it is on may not be mounted."""

from __future__ import annotations

import secrets
from pathlib import Path

from cloudify_scipion.adapters.files import write_atomic
from cloudify_scipion.errors import PermanentError

MARK, KNOWN = ".place", "volumes.place"


class VolumePlace:
    """The folder of the volumes, which holds a mark, and beside it in the state root a copy of that mark."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "volumes"
        self._known = root / KNOWN

    def check(self) -> None:
        """Raise PermanentError unless it is seen, or no volume was ever made here."""
        known = _read(self._known)
        if known and _read(self._folder / MARK) != known:
            raise PermanentError(
                f"the volumes are not seen: {self._folder} is not the folder that they were made in "
                f"(its file {MARK} is not the one that is known), so none of them is said to be gone",
                f"mount the disk that holds them at {self._folder}, then run this again. Only if it is lost for good, "
                f"with all volumes, or they were copied without that file: remove {self._known}",
            )

    def remember(self) -> None:
        """Before a volume is made or used there, under the lock of the volumes. Raises as `check`."""
        self.check()
        if not _read(self._known):
            mark = _read(self._folder / MARK) or secrets.token_hex(8)
            write_atomic(self._folder / MARK, mark.encode())
            write_atomic(self._known, mark.encode())

    def forget(self) -> None:
        """With the last volume: then any place is as good."""
        self._known.unlink(missing_ok=True)
        (self._folder / MARK).unlink(missing_ok=True)


def _read(path: Path) -> str:
    """Empty where it is not there; any other error is none of an absent file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
