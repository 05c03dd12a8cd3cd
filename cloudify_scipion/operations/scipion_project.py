"""Operations of cloudify.nodes.scipion.ScipionProject."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.lifecycle.parts import SCIPION_PROJECT
from cloudify_scipion.lifecycle.steps import ask_about_steps
from cloudify_scipion.operations.beside import read_workflow
from cloudify_scipion.operations.boundary import Call, call, call_known, checks, is_true
from cloudify_scipion.project.inputs import coerce_inputs


def create(**_: Any) -> None:
    """Make the Scipion project from the workflow."""
    call(lambda c: SCIPION_PROJECT.make(c.services, _asking(c).record, False))


def heal(**_: Any) -> None:
    """Make it again and let its workflow go on, unless somebody has stopped that since the install."""
    call(lambda c: SCIPION_PROJECT.heal(c.services, c.record if _is_known(c) else _asking(c).record))


def start(**_: Any) -> None:
    """Run the workflow if the project says so, and follow it for a while."""
    call(lambda c: SCIPION_PROJECT.start(c.services, _asking(c).record, False))


def stop(ignore_failure: object = False, **_: Any) -> None:
    """End the workflow's run; refused where steps run, unless `ignore_failure`."""
    call_known(lambda c: _stop(c, is_true(ignore_failure)))


def _stop(c: Call, anyway: bool) -> None:
    if not anyway:
        ask_about_steps(c.services, c.record, ends=False)
    SCIPION_PROJECT.end(c.services, c.record)


check_status = checks(SCIPION_PROJECT)


def _is_known(c: Call) -> bool:
    return SCIPION_PROJECT.key in c.record.settings


def _asking(c: Call) -> Call:
    return c.asking(SCIPION_PROJECT.key, _settings(c))


def _settings(c: Call) -> dict[str, Any]:
    given = {
        "run": c.properties["run"],
        "wait_minutes": c.properties["wait_minutes"],
        "missing_plugins": c.properties["missing_plugins"],
    }
    asked = coerce_inputs(given, "project", "workflow")
    defaults = {"run": False, "wait_minutes": 0, "missing_plugins": "refuse"}
    return {"protocols": read_workflow(c.properties["workflow"]), **defaults, **asked}
