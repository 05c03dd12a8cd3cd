"""Operations of cloudify.nodes.scipion.Puppet, the type that blueprint authors derive from."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from cloudify_scipion.lifecycle.project import update
from cloudify_scipion.lifecycle.puppet import apply_classes
from cloudify_scipion.operations.beside import unpack_modules
from cloudify_scipion.operations.boundary import Call, ask, call


def create(**_: Any) -> None:
    """Apply the node's classes."""
    call(lambda c: _apply(c, unless_known=True))


def heal(**_: Any) -> None:
    """Apply them, whatever is known of the last run."""
    call(lambda c: _apply(c, unless_known=False))


def check_status(**_: Any) -> dict[str, str]:
    """Whether the machine answers; drift is what `heal` puts right."""
    return ask(
        lambda c: (
            "" if c.services.of(c.record).machines.look(c.record.machine).running else "the machine is not running"
        )
    )


def _apply(c: Call, unless_known: bool) -> None:
    given = c.properties
    with tempfile.TemporaryDirectory() as folder:
        modules = unpack_modules(given["modules"], Path(folder)) if given["modules"] else None
        # What an author adds is the project's own: no layer for others is made of it.
        record = update(c.services, c.record, personal=True)
        apply_classes(c.services, record, given["run"], given["classes"], given["data"], modules, unless_known)
