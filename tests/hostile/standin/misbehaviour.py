"""What the stand-in can do wrong. Everything is off by default; each can be changed at any time."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True)
class Misbehaviours:
    """The switches. `refuses` in the text: True, or the name of the error; "ignore" acknowledges and does nothing."""

    only: str = ""
    """A pattern of paths (below the mount point, `*` crosses folders): hang, error, EAGAIN, fails_at, drops_writes and
    rename_copies leave all others alone."""
    delay: float = 0
    """Seconds that each call takes longer."""
    hang: bool = False
    """Calls do not answer, until released."""
    hang_kinds: tuple[str, ...] = ()
    """Only these kinds of call hang (`write`, `fsync`, `getattr`, ...)."""
    error: str = ""
    """Every call fails with this (`EIO`, `ENOTCONN`, ...)."""
    error_kinds: tuple[str, ...] = ()
    eagain_every: int = 0
    """Every n-th call answers EAGAIN."""
    eagain_kinds: tuple[str, ...] = ()
    read_only: bool | str = False
    """Whatever changes something is refused: EROFS, or the error named."""
    empty: bool = False
    """The mount shows nothing at all, as when the list of spaces got lost."""
    coarse_times: bool = False
    """Times are shown without the fraction of their second."""
    stale_attributes: float = 0
    """For so many seconds, attributes are answered as they were first seen. Content is never old."""
    no_symlinks: bool | str = False
    """Refuses (EPERM)."""
    no_links: bool | str = False
    """Refuses hard links (EPERM)."""
    no_chown: bool | str = False
    """Refuses (EPERM)."""
    no_chmod: bool | str = False
    """Refuses (EPERM)."""
    no_utime: bool | str = False
    """Refuses to set times (EPERM)."""
    no_odd_names: bool | str = False
    """Refuses new names that are not UTF-8 (EILSEQ), and does not show the others."""
    no_rename_flags: bool = False
    """RENAME_NOREPLACE and RENAME_EXCHANGE are refused with EINVAL."""
    rename_copies: bool = False
    """A file is renamed by copying it over the target, then removing the source. Folders and symlinks are not."""
    rename_stops: str = ""
    """Where such a rename stops: `half` of the content copied; `copied`, with the source still there."""
    rename_then: str = "error"
    """What happens where it stops: `error` (EIO), `hang` until released, `die` (the stand-in ends)."""
    fails_at: str = ""
    """Writes are acknowledged, then lost: `flush` (a close) or `fsync` tells. Who does not fsync is never told."""
    fails_with: str = "EIO"
    drops_writes: str = ""
    """Writes are acknowledged and never done: `zeros` (the size is right, the content zeros), `empty` (nothing)."""
    writer_sees_writes: bool = False
    """This mount answers dropped writes from its memory, as if they had been done; other mounts show the truth."""
    enospc_after: int | None = None
    """Bytes that may still be written; then ENOSPC."""
    direct_io: bool = False
    """Files opened from now on pass the kernel's page cache by."""

    def __post_init__(self) -> None:
        for name, allowed in _WORDS.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}: {getattr(self, name)!r} is none of {allowed}")
        for name, default in _REFUSALS.items():
            value = getattr(self, name)
            if value is True:
                object.__setattr__(self, name, default)
            elif value and value != "ignore":
                code(value)
        for name in ("error", "fails_with"):
            if getattr(self, name):
                code(getattr(self, name))

    def changed(self, values: Mapping[str, Any]) -> Misbehaviours:
        """These, with other values (as they come out of JSON)."""
        unknown = values.keys() - {field.name for field in fields(self)}
        if unknown:
            raise ValueError(f"no such misbehaviour: {', '.join(sorted(unknown))}")
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return replace(self, **plain)

    def concerns(self, path: bytes) -> bool:
        """Whether `only` lets a path be treated badly."""
        return not self.only or fnmatchcase(os.fsdecode(path[1:]), self.only)

    def hangs(self, kind: str, path: bytes) -> bool:
        """Whether a call does not answer now."""
        return self.hang and (not self.hang_kinds or kind in self.hang_kinds) and self.concerns(path)


_WORDS = {
    "rename_stops": ("", "half", "copied"),
    "rename_then": ("error", "hang", "die"),
    "fails_at": ("", "flush", "fsync"),
    "drops_writes": ("", "zeros", "empty"),
}
_REFUSALS = {
    "no_symlinks": "EPERM", "no_links": "EPERM", "no_chown": "EPERM", "no_chmod": "EPERM", "no_utime": "EPERM",
    "no_odd_names": "EILSEQ", "read_only": "EROFS",
}  # fmt: skip


def code(name: str) -> int:
    """The number of an error's name."""
    number = getattr(errno, name, None)
    if not isinstance(number, int):
        raise ValueError(f"{name!r} is the name of no error")
    return number


def failure(name: str) -> OSError:
    """The error of that name."""
    return OSError(code(name), os.strerror(code(name)))
