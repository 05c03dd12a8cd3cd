"""What the benchmark reads out of a log."""

from __future__ import annotations

import pytest

from tools.benchmarks.log import Span, changed, cold_parts, operations, parse, steps, workflow_seconds

LOG = """Initialized relion-2d/blueprint.yaml
2026-11-22 16:53:03.864  CFY <relion-2d> Starting 'install' workflow execution
2026-11-22 16:53:04.371  CFY <relion-2d> [machine_s6.create] Task started 'cloudify_scipion.operations.machine.create'
2026-11-22 16:53:04.500  LOG <relion-2d> [machine_s6.create] INFO: building the base system from this host's sources ...
2026-11-22 16:53:14.513  LOG <relion-2d> [machine_s6.create] INFO: building the base system: still at it after 10 s
2026-11-22 16:54:07.500  LOG <relion-2d> [machine_s6.create] INFO: building the base system from this host's sources: \
done in 63 s
2026-11-22 16:54:08.371  CFY <relion-2d> [machine_s6.create] Task succeeded 'cloudify_scipion.operations.machine.create'
2026-11-22 16:54:11.000  LOG <relion-2d> [software_g8.create] INFO: Puppet applies the software run ...
2026-11-22 16:54:18.677  LOG <relion-2d> [software_g8.create] INFO:    10  File[/opt/scipion/config]: created
2026-11-22 16:56:55.250  LOG <relion-2d> [software_g8.create] INFO: Puppet applies the software run: done in 164 s
2026-11-22 16:56:57.694  LOG <relion-2d> [software_g8.create] INFO: software run: 108 resources changed in 168 s
2026-11-22 23:59:55.000  LOG <relion-2d> [project_ce.start] INFO: workflow: 0 of 2 protocols ended (2 saved) (1 s)
2026-11-23 00:00:05.500  LOG <relion-2d> [project_ce.start] INFO: workflow: 2 of 2 protocols ended (2 finished) (11 s)
2026-11-23 00:00:10.000  LOG <relion-2d> [desktop_pm.create] INFO: Puppet applies the project run ...
2026-11-23 00:00:15.000  LOG <relion-2d> [desktop_pm.create] INFO: Puppet applies the project run: done in 5 s
2026-11-23 00:00:15.500  LOG <relion-2d> [desktop_pm.create] INFO: project run: 0 resources changed in 6 s
"""


def test_lines_without_a_timestamp_are_left_out() -> None:
    lines = parse(LOG)
    assert len(lines) == len(LOG.splitlines()) - 1
    assert (lines[0].where, lines[0].message) == ("", "Starting 'install' workflow execution")
    assert lines[1].where == "machine_s6.create"


def test_operations_and_steps() -> None:
    assert operations(parse(LOG)) == [Span("machine.create", 64.0)]
    assert [(span.name, span.seconds) for span in steps(parse(LOG))][1:] == [
        ("Puppet applies the software run", 164.25),
        ("Puppet applies the project run", 5.0),
    ]


def test_an_operation_that_failed_is_none() -> None:
    failed = LOG.replace("Task succeeded", "Task failed")
    assert operations(parse(failed)) == []


def test_the_workflow_runs_over_midnight() -> None:
    assert workflow_seconds(parse(LOG)) == 10.5
    assert workflow_seconds([]) == 0


def test_parts_of_a_cold_install() -> None:
    parts = cold_parts(LOG)
    assert (parts.base, parts.puppet, parts.workflow) == (63.0, 169.25, 10.5)
    assert parts.own(250.0) == pytest.approx(7.25)


@pytest.mark.parametrize("missing", ["building the base", "Puppet applies", "workflow: "])
def test_a_log_that_lacks_a_part_is_refused(missing: str) -> None:
    with pytest.raises(ValueError, match="not of a cold install"):
        cold_parts(LOG.replace(missing, "something else"))


def test_changed_resources_of_each_run() -> None:
    assert changed(LOG) == {"software": 108, "project": 0}
