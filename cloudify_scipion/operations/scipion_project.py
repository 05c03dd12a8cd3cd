"""Operations of cloudify.nodes.scipion.ScipionProject."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.lifecycle import scipion_project as use
from cloudify_scipion.lifecycle.steps import ask_about_steps
from cloudify_scipion.operations.beside import read_workflow
from cloudify_scipion.operations.boundary import Call, ask, call, call_known, is_true
from cloudify_scipion.project.inputs import coerce_inputs


def create(**_: Any) -> None:
    """Make the Scipion project from the workflow."""
    call(lambda c: use.create_scipion_project(c.services, c.asking("workflow", _settings(c)).record))


heal = create


def start(**_: Any) -> None:
    """Run the workflow if the project says so, and follow it for a while."""
    call(lambda c: use.run_workflow(c.services, c.asking("workflow", _settings(c)).record))


def stop(ignore_failure: object = False, **_: Any) -> None:
    """End the workflow's run; refused where steps run, unless `ignore_failure`."""
    call_known(lambda c: _stop(c, is_true(ignore_failure)))


def _stop(c: Call, anyway: bool) -> None:
    if not anyway:
        ask_about_steps(c.services, c.record, ends=False)
    use.stop_workflow(c.services, c.record)


def check_status(**_: Any) -> dict[str, str]:
    """Whether Scipion can read the project."""
    return ask(lambda c: use.workflow_problem(c.services, c.record))


def _settings(c: Call) -> dict[str, Any]:
    given = {
        "run": c.properties["run"],
        "wait_minutes": c.properties["wait_minutes"],
        "missing_plugins": c.properties["missing_plugins"],
    }
    asked = coerce_inputs(given, "project", "workflow")
    defaults = {"run": False, "wait_minutes": 0, "missing_plugins": "refuse"}
    return {"protocols": read_workflow(c.properties["workflow"]), **defaults, **asked}
