"""What a pull makes of what lies in the data space and of what the manifest says: decided here for the pull itself, and
for the proof that comes before a seal.
"""

from __future__ import annotations

from cloudify_scipion.agent.plan.manifest import Entry

PLAIN_FOLDER = 0o755
"""The mode of folders that are only made because something lies in them."""


def folder_mode(mode: int) -> int:
    """Of a folder of the working copy: its owner can always work in it."""
    return mode & 0o777 | 0o700


def file_mode(mode: int) -> int:
    """Of a file of the working copy: its owner can always read and write it."""
    return mode & 0o777 | 0o600


def as_saved(base: Entry | None, digest: str) -> Entry | None:
    """The manifest's entry of a file whose content is `digest`, if it is of that very content; else it says nothing."""
    return base if base is not None and base.kind == "f" and base.hash == digest else None


def given_back(base: Entry | None, digest: str, mode: int, mtime: int) -> tuple[int, int]:
    """Mode and time (ns) of a pulled file. `mode` and `mtime` are those in the data space."""
    known = as_saved(base, digest)
    return (file_mode(known.mode), known.mtime) if known else (file_mode(mode), mtime)


def is_name_of(base: Entry | None, first_kind: str, first_digest: str, digest: str) -> bool:
    """Whether a file becomes another name of the one that its entry names as the first."""
    return base is not None and bool(base.link) and first_kind == "f" and digest == first_digest


def only_in_manifest(entry: Entry) -> bool:
    """Whether an entry is made of the manifest where the data space shows nothing of it."""
    return entry.kind in "dl" or bool(entry.stored)
