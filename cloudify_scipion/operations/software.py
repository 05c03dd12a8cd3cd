"""Operations of cloudify.nodes.scipion.Software."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.lifecycle import software as use
from cloudify_scipion.operations.boundary import ask, call


def create(**_: Any) -> None:
    """Apply the software run; keep its result as a layer."""
    call(lambda c: use.ensure_software(c.services, c.asking("software", c.properties["software"]).record))


heal = create


def check_status(**_: Any) -> dict[str, str]:
    """Whether Scipion starts."""
    return ask(lambda c: use.software_problem(c.services, c.record))
