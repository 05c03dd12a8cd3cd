"""Operations of cloudify.nodes.scipion.Puppet, the type that blueprint authors derive from."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.lifecycle import authors
from cloudify_scipion.lifecycle.machine import machine_problem
from cloudify_scipion.operations.beside import read_modules
from cloudify_scipion.operations.boundary import Call, ask, call, call_known


def create(**_: Any) -> None:
    """Apply the node's classes."""
    call(lambda c: _apply(c, unless_known=True))


def heal(**_: Any) -> None:
    """Apply them, whatever is known of the last run."""
    call(lambda c: _apply(c, unless_known=False))


def delete(**_: Any) -> None:
    """Forget what it asks for: a repair does not bring it back."""
    call_known(lambda c: authors.forget_node(c.services, c.record, c.node))


def check_status(**_: Any) -> dict[str, str]:
    """Whether the machine runs and has the node's classes; drift is what `heal` puts right."""
    return ask(lambda c: machine_problem(c.services, c.record) or authors.node_problem(c.record, c.node))


def _apply(c: Call, unless_known: bool) -> None:
    given = c.properties
    asked = {"run": given["run"], "classes": given["classes"], "data": given["data"]}
    modules = read_modules(given["modules"])
    record = authors.ask_for_node(c.services, c.record, c.node, asked, modules)
    authors.apply_node(c.services, record, c.node, unless_known)
