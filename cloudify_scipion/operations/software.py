"""Operations of cloudify.nodes.scipion.Software."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.catalogue.pins.file import FILE, text_digest
from cloudify_scipion.lifecycle import software as use
from cloudify_scipion.operations.boundary import Call, ask, call


def create(**_: Any) -> None:
    """Apply the software run; keep its result as a layer."""
    call(lambda c: _ensure(c, unless_known=True))


def heal(**_: Any) -> None:
    """Apply the software run, whatever is known of it."""
    call(lambda c: _ensure(c, unless_known=False))


def _ensure(c: Call, unless_known: bool) -> None:
    record = use.ensure_software(c.services, c.asking_software().record, unless_known)
    lock = c.services.projects.kept(record.project, FILE)
    c.publish(software_lock=lock, software_lock_sha256=text_digest(lock) if lock else "")


def check_status(**_: Any) -> dict[str, str]:
    """Whether Scipion starts."""
    return ask(lambda c: use.software_problem(c.services, c.record))
