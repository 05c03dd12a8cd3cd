"""What a data space can hold, as it was found out by trying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cloudify_scipion.agent.plan.spelling import Names

VERSION = 2


@dataclass(frozen=True)
class Abilities:
    """What the data space can hold.

    `times`: it keeps the times that it is told; `chmod`: and modes; `owner` gets the new files; `names`: which come
    back as they were given. `kept`: a rename leaves a file's time as it is. `changed`: whatever changes a file moves
    its ctime, and nothing else does. `tick`: it keeps times in steps of so many ns. `holes`: what was never written of
    a file takes no room. `mounted`: the mount of which all this is true.
    """

    symlinks: bool
    times: bool
    chmod: bool
    owner: tuple[int, int] | None
    names: Names
    kept: bool
    changed: bool
    tick: int
    holes: bool
    mounted: str

    def document(self) -> dict[str, Any]:
        """JSON types."""
        return {**asdict(self), "version": VERSION}


def abilities_from(document: Mapping[str, Any]) -> Abilities | None:
    """The abilities of a document; None for what an earlier version has found out."""
    if document.get("version") != VERSION:
        return None
    known = {key: value for key, value in document.items() if key != "version"}
    owner = known["owner"]
    return Abilities(**{**known, "owner": tuple(owner) if owner else None, "names": Names(**known["names"])})
