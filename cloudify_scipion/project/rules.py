"""What a project file must keep to and a schema cannot say. Parts of the wrong type are the schema's affair."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from cloudify_scipion.project.data_rules import data_rules
from cloudify_scipion.project.documents import Findings, child_path, is_number, part
from cloudify_scipion.project.nearest import nearest
from cloudify_scipion.project.ssh_keys import ssh_key_problem
from cloudify_scipion.project.workflow import workflow_problems


def project_rules(document: Mapping[str, Any]) -> Findings:
    """Everything that is wrong inside a project document, beyond its schema."""
    yield from _keys(document)
    yield from _workflow(document)
    yield from _geometry(document)
    yield from _time_limit(document)
    yield from _acquisition(document)
    yield from _needs(document)
    yield from data_rules(document)


def _keys(document: Mapping[str, Any]) -> Findings:
    for index, key in enumerate(part(document, list, "owner", "ssh_keys")):
        if isinstance(key, str) and (message := ssh_key_problem(key)):
            yield child_path("$.owner.ssh_keys", index), message


def _workflow(document: Mapping[str, Any]) -> Findings:
    workflow = part(document, dict, "workflow")
    if "file" in workflow and "protocols" in workflow:
        yield "$.workflow", "give either file or protocols, not both"
    if workflow.get("run") is True and not workflow.get("file") and not workflow.get("protocols"):
        yield "$.workflow.run", "there is nothing to run: give file or protocols"
    if isinstance(workflow.get("protocols"), list):
        inline = workflow_problems(workflow["protocols"], "", "$.workflow.protocols")
        yield from ((problem.path, problem.message) for problem in inline)


def _geometry(document: Mapping[str, Any]) -> Findings:
    size = re.fullmatch(r"([0-9]{3,4})x([0-9]{3,4})", part(document, str, "desktop", "geometry"))
    if size and not (640 <= int(size[1]) <= 7680 and 480 <= int(size[2]) <= 4320):
        yield "$.desktop.geometry", "a desktop has 640x480 to 7680x4320 pixels"


def _time_limit(document: Mapping[str, Any]) -> Findings:
    limit = part(document, dict, "time_limit")
    days, warning, zone = limit.get("days", 14), limit.get("warning_days"), limit.get("time_zone")
    if is_number(days) and is_number(warning) and warning > days:
        yield "$.time_limit.warning_days", f"the warning would come before the project begins; at most days, {days}"
    if isinstance(zone, str) and zone not in (known := _zones()):
        # No abbreviations (CEST is not EST), and no Etc/GMT+1, which is west of Greenwich.
        places = [name for name in known if "/" in name and not name.startswith("Etc/")]
        hint = nearest(zone, places) or "; write Area/City, such as Europe/Madrid"
        yield "$.time_limit.time_zone", f"{zone!r} is not a time zone{hint}"


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())  # reads a folder each time


def _needs(document: Mapping[str, Any]) -> Findings:
    needs = part(document, dict, "needs")
    for key in ("gpu_memory_gb", "compute_capability"):
        if needs.get("gpus") == 0 and key in needs:
            yield child_path("$.needs", key), "this has no effect: no graphics card is asked for (gpus: 0)"


def _acquisition(document: Mapping[str, Any]) -> Findings:
    acquisition = part(document, dict, "acquisition")
    detector = part(acquisition, dict, "detector")
    sides = [side for side in detector.values() if is_number(side)]
    box = acquisition.get("box_size")
    if is_number(box) and sides and box > min(sides):
        yield "$.acquisition.box_size", f"a box of {box} pixels does not fit a movie of {min(sides)} pixels"
