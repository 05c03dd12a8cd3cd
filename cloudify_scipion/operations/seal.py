"""Operations of cloudify.nodes.scipion.Seal, whose node depends on all others: it is made last and ends first."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.lifecycle.gate import save_first
from cloudify_scipion.lifecycle.parts import SEAL
from cloudify_scipion.lifecycle.steps import ask_about_steps
from cloudify_scipion.operations.boundary import Call, ask, call_known


def prestop(**_: Any) -> None:
    """Before anything of the project is stopped: ask about running steps; if it ends, seal, else save; or refuse."""
    call_known(_prestop)


def _prestop(c: Call) -> None:
    ask_about_steps(c.services, c.record, ends=c.ends)
    if c.ends:
        SEAL.end(c.services, c.record, discards=c.properties["at_end"] == "discard")
    else:  # the volume is kept
        save_first(c.services, c.record)


def heal(**_: Any) -> None:
    """Nothing: but for a node without it, Cloudify's own heal would stop and delete all that it depends on."""


def check_status(**_: Any) -> dict[str, str]:
    """Whether the project is installed."""
    return ask(lambda _: "", looks=True)
