"""Operations of cloudify.nodes.scipion.WorkingCopy."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.errors import StepsRun
from cloudify_scipion.lifecycle import data as use
from cloudify_scipion.operations.boundary import Call, ask, call


def create(**_: Any) -> None:
    """Apply the project run, where anything in it is about data."""
    call(lambda c: use.configure_data(c.services, _asking(c).record, unless_known=True))


def _asking(c: Call) -> Call:
    given = c.properties
    return c.asking("data", given["data"]).asking("secrets", given["secrets"]).asking("facility", given["facility"])


def start(**_: Any) -> None:
    """Fill the working copy from the data space, and have it saved from then on."""
    call(lambda c: use.pull_data(c.services, c.record))


def heal(**_: Any) -> None:
    """Mount, configure and start it again; where that would end steps, that is said, and nothing is done."""
    call(_heal)


def _heal(c: Call) -> None:
    try:
        use.heal_data(c.services, _asking(c).record)
    except StepsRun as error:  # a failure would make Cloudify's heal end the desktop, and make it again
        c.services.progress.say(f"NOT HEALED: {error}")


def check_status(**_: Any) -> dict[str, str]:
    """Whether the data space answers and the working copy is complete."""
    return ask(lambda c: use.data_problem(c.services, c.record), looks=True)
