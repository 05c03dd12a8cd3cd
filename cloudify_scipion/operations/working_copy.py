"""Operations of cloudify.nodes.scipion.WorkingCopy."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.errors import StepsRun
from cloudify_scipion.lifecycle.parts import CONFIGURATION, WORKING_COPY, heal_part
from cloudify_scipion.operations.boundary import Call, call, checks


def create(**_: Any) -> None:
    """Apply the project run, where anything in it is about data."""
    call(_create)


def _create(c: Call) -> None:
    record = _asking(c).record
    if CONFIGURATION.is_asked(record):
        CONFIGURATION.make(c.services, record, False)


def start(**_: Any) -> None:
    """Fill the working copy from the data space, and have it saved from then on."""
    call(lambda c: WORKING_COPY.start(c.services, c.record, False))


def heal(**_: Any) -> None:
    """Mount, configure and start it again; where that would end steps, that is said, and nothing is done."""
    call(_heal)


def _heal(c: Call) -> None:
    try:
        heal_part(c.services, _asking(c).record, WORKING_COPY)
    except StepsRun as error:  # a failure would make Cloudify's heal end the desktop, and make it again
        c.services.progress.say(f"NOT HEALED: {error}")


check_status = checks(WORKING_COPY, looks=True)


def _asking(c: Call) -> Call:
    given = c.properties
    return c.asking("data", given["data"]).asking("secrets", given["secrets"]).asking("facility", given["facility"])
