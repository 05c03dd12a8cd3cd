"""The stand-in's provider: a JSON file that says which spaces there are, where they are, and which tokens open them.

    {"host": "...", "tokens": {"TOKEN": {"expires": SECONDS, "spaces": ["NAME"]}},
     "spaces": {"NAME": {"path": "/a/folder", "read_only": false}},
     "control": "/a/folder for sockets", "top": "list", "kernel_cache": 0, "misbehaviours": {}}

`expires` (seconds since 1970) and `spaces` are optional: for ever, all. `top: space` makes a single space the mount
point itself. `kernel_cache`: seconds for which the kernel may remember attributes and names.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = "ONECLIENT_STAND_IN"
"""Names the file of the provider."""
DEFAULT = Path("/etc/oneclient-stand-in.json")


class Refused(Exception):
    """The provider lets nobody in; the text is for standard error."""


@dataclass(frozen=True)
class Grant:
    """What a token opens."""

    spaces: Mapping[str, Path]
    read_only: frozenset[str]
    expires: float | None

    @property
    def expired(self) -> bool:
        """Whether that is over. The token's end is a time of day, as real ones have it."""
        return self.expires is not None and time.time() >= self.expires


@dataclass(frozen=True)
class Provider:
    """The file, read."""

    text: Mapping[str, Any]

    @classmethod
    def read(cls) -> Provider:
        """The provider that the environment names, or the machine's."""
        path = Path(os.environ.get(VARIABLE) or DEFAULT)
        return cls(json.loads(path.read_text()))

    def connect(self, host: str, token: str, wanted: Sequence[str]) -> Grant:
        """What the token opens here, of the spaces wanted (none named: all). A space that is not there is no error:
        it is not in the list."""
        if host.partition(":")[0] != self.text["host"]:
            raise Refused(f"Cannot connect to Oneprovider {host} - no such host")
        known = self.text["tokens"].get(token)
        if known is None:
            raise Refused(f"Invalid token - Oneprovider {host} does not accept it")
        spaces = {
            name: space
            for name, space in self.text["spaces"].items()
            if name in known.get("spaces", [name]) and (not wanted or name in wanted)
        }
        grant = Grant(
            {name: Path(space["path"]) for name, space in spaces.items()},
            frozenset(name for name, space in spaces.items() if space.get("read_only")),
            known.get("expires"),
        )
        if grant.expired:
            raise Refused("Expired token - make a new one")
        return grant


def control_socket(folder: Path, mountpoint: Path) -> Path:
    """Where a mount listens for its orders."""
    return folder / f"{hashlib.sha256(os.fsencode(mountpoint)).hexdigest()[:16]}.sock"


@contextmanager
def short(path: Path) -> Iterator[str]:
    """Another name of the path, for sockets: theirs may have 108 bytes at most, wherever temporary folders are."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
