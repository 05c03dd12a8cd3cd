"""Operations of cloudify.nodes.scipion.Desktop."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.lifecycle.desktop import desktop_url
from cloudify_scipion.lifecycle.parts import CONFIGURATION, DESKTOP, heal_part
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.operations.boundary import Call, call, call_known, checks


def create(**_: Any) -> None:
    """Apply the project run, where the working copy's node has not done so for both."""
    call(lambda c: CONFIGURATION.make(c.services, _asking(c).record, False))


def start(**_: Any) -> None:
    """Start the desktop and wait until it answers."""
    call(lambda c: _publish(c, DESKTOP.start(c.services, c.record, False)))


def stop(**_: Any) -> None:
    """End the sessions."""
    call_known(lambda c: DESKTOP.end(c.services, c.record))


def heal(**_: Any) -> None:
    """Configure and start it again."""
    call(lambda c: _publish(c, heal_part(c.services, _asking(c).record, DESKTOP)))


check_status = checks(DESKTOP, looks=True)


def _asking(c: Call) -> Call:
    return c.asking("desktop", {"geometry": c.properties["geometry"]})


def _publish(c: Call, record: Record) -> None:
    c.publish(url=desktop_url(c.services, record), tls_fingerprint=record.tls_fingerprint)
