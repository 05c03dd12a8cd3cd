"""Operations of cloudify.nodes.scipion.Desktop."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.lifecycle import desktop as use
from cloudify_scipion.lifecycle.configure import configure_project
from cloudify_scipion.operations.boundary import Call, ask, call, call_known


def create(**_: Any) -> None:
    """Apply the project run, where the working copy's node has not done so for both."""
    call(lambda c: _configure(c, unless_known=True))


def _configure(c: Call, unless_known: bool) -> None:
    record = c.asking("desktop", {"geometry": c.properties["geometry"]}).record
    configure_project(c.services, record, unless_known)


def start(**_: Any) -> None:
    """Start the desktop and wait until it answers."""
    call(_start)


def _start(c: Call) -> None:
    record = use.start_desktop(c.services, c.record)
    c.publish(url=use.desktop_url(c.services, record), tls_fingerprint=record.tls_fingerprint)


def stop(**_: Any) -> None:
    """End the sessions."""
    call_known(lambda c: use.stop_desktop(c.services, c.record))


def heal(**_: Any) -> None:
    """Configure and start it again."""
    call(lambda c: _configure(c, unless_known=False))
    start()


def check_status(**_: Any) -> dict[str, str]:
    """Whether it answers."""
    return ask(lambda c: use.desktop_problem(c.services, c.record), looks=True)
