"""Operations of cloudify.nodes.scipion.Software."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.catalogue.pins.file import FILE, text_digest
from cloudify_scipion.lifecycle.parts import SOFTWARE
from cloudify_scipion.operations.boundary import Call, call, checks


def create(**_: Any) -> None:
    """Apply the software run; keep its result as a layer."""
    call(lambda c: _ensure(c, heals=False))


def heal(**_: Any) -> None:
    """Apply the software run, whatever is known of it."""
    call(lambda c: _ensure(c, heals=True))


def _ensure(c: Call, heals: bool) -> None:
    record = SOFTWARE.make(c.services, c.asking_software().record, heals)
    lock = c.services.projects.kept(record.project, FILE)
    c.publish(software_lock=lock, software_lock_sha256=text_digest(lock) if lock else "")


check_status = checks(SOFTWARE)
