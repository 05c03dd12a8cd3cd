"""What the index knows of a file, a link or a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

HERE, THERE, ODDLY = 0, 1, 2
"""Of a folder: only in the working copy, in the data space too, or one whose name that cannot hold."""
ROOT = 1
"""The number of the working copy itself among the folders."""
ABSENT = -1
"""`rsize` of what the data space does not hold any more."""
DOUBTED = -1
"""`rmtime` of what another way to the data space does not show as it was written: our own view of it is no proof."""


@dataclass(frozen=True)
class Row:
    """A file or symbolic link as both sides last had it in common.

    `size` to `ino` are the working copy's facts (times in nanoseconds); `racy` is true where a later change may have
    left them as they are, so the content is compared again. `hash` is the digest of the data space's content,
    `local` that of the working copy's file, for SQLite's files only: a database's may differ. `rsize` and `rmtime` are
    the data space's facts, `rracy` as above; it was seen to be as it is here at `rctime` by the data space's clock (0:
    never). `stored` is where the content lies if not at the path; of a link, that it is in the manifest alone. For the
    rest see `plan.manifest.Entry`.
    """

    kind: str
    mode: int = 0
    size: int = 0
    mtime: int = 0
    ctime: int = 0
    ino: int = 0
    racy: int = 0
    hash: str = ""
    local: str = ""
    target: bytes = b""
    link: bytes = b""
    stored: bytes = b""
    origin: int = 0
    point: int = 0
    rsize: int = ABSENT
    rmtime: int = 0
    rracy: int = 0
    rctime: int = 0

    def held(self) -> bool:
        """Whether the data space holds it, as far as is known."""
        return self.rsize != ABSENT

    def doubted(self) -> bool:
        """Whether our own view of it in the data space is known to be wrong."""
        return self.rsize == ABSENT and self.rmtime == DOUBTED

    def without_remote(self, doubted: bool = False) -> Row:
        """The row of a file that is to be saved again."""
        return replace(self, rsize=ABSENT, rmtime=DOUBTED if doubted else self.rmtime)

    def values(self) -> tuple[Any, ...]:
        """The columns."""
        return (self.kind, self.mode, self.size, self.mtime, self.ctime, self.ino, self.racy, self.hash, self.local,
                self.target, self.link, self.stored, self.origin, self.point, self.rsize, self.rmtime,
                self.rracy, self.rctime)  # fmt: skip


@dataclass(frozen=True)
class FolderRow:
    """A folder; `digest` stands for the facts of its files at the last scan, None where they must be compared.

    `remote`: the data space has it; `odd`: that cannot hold its name, and what is below lies elsewhere.
    """

    id: int
    name: bytes
    ino: int
    mode: int
    digest: bytes | None
    remote: bool
    odd: bool = False
