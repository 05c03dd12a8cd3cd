"""Reading Puppet's own words, as recorded by tests/cases/puppet/record.sh."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudify_scipion.adapters.puppet import SUCCESS
from cloudify_scipion.adapters.puppet_report import failures, parse_line, parse_report
from cloudify_scipion.lifecycle.facts import ResourceResult

CASES = Path(__file__).resolve().parents[2] / "cases/puppet"
MANIFEST = "/tmp/cloudify-scipion-case/code/modules/demo/manifests/init.pp"
TARGET = "/tmp/cloudify-scipion-case/target"


def recorded(run: str) -> tuple[list[ResourceResult], list[str], int]:
    report = CASES / f"{run}.yaml"
    results = parse_report(report.read_text() if report.exists() else "")
    return results, (CASES / f"{run}.log").read_text().splitlines(), int((CASES / f"{run}.code").read_text())


@pytest.mark.parametrize(("run", "good"), [("changes", True), ("nothing", True), ("fails", False)])
def test_exit_codes(run: str, good: bool) -> None:
    results, _, code = recorded(run)
    assert (code in SUCCESS) == good == (not any(result.status == "failed" for result in results))
    assert recorded("does-not-compile")[2] not in SUCCESS


def test_what_changed() -> None:
    results, _, _ = recorded("changes")
    assert [(r.resource, r.status, r.file, r.line) for r in results if r.status != "unchanged"] == [
        (f"File[{TARGET}/a file]", "changed", MANIFEST, 5),
        ("Exec[counting]", "changed", MANIFEST, 8),
        (f"File[{TARGET}/counted]", "changed", MANIFEST, 12),
    ]
    again = recorded("nothing")[0]
    assert {r.resource for r in results} <= {r.resource for r in again}
    assert {r.status for r in again} == {"unchanged"}


def test_failures_with_resource_file_line_message_and_output() -> None:
    results, lines, _ = recorded("fails")
    told = failures(results, lines).splitlines()
    assert told[0].startswith(
        f"  File[{TARGET}/missing/folder] ({MANIFEST}:17): change from 'absent' to 'file' failed: Could not set 'file'"
    )
    assert told[1].startswith(f"  Exec[downloading] ({MANIFEST}:23): change from 'notrun' to ['0'] failed: ")
    assert told[2] == "      no route to mirror"
    assert told[3] == (
        f"  Exec[restarting] ({MANIFEST}:29): "
        "Failed to call refresh: '/bin/false' returned 1 instead of one of [0]"
    )  # fmt: skip
    assert len(told) == 4


def test_a_run_without_resources_tells_the_logs_errors() -> None:
    results, lines, _ = recorded("does-not-compile")
    assert results == []
    assert "Could not find class ::demo::missing" in failures(results, lines)
    assert failures([], [f"line {number}" for number in range(12)]).startswith("line 2\n")


def test_lines_of_the_console() -> None:
    found = [parse_line(line) for line in recorded("changes")[1]]
    assert [one[0] for one in found if one] == [f"File[{TARGET}/a file]", "Exec[counting]", f"File[{TARGET}/counted]"]
    assert ("Exec[counting]", "executed successfully") in found
    assert parse_line("Notice: Applied catalog in 0.03 seconds") is None
    assert parse_line("Exec[x]: y") is None


@pytest.mark.parametrize("text", ["", "--- !ruby/object:Puppet::Transaction::Report\nhost: x\n"])
def test_a_report_without_resources(text: str) -> None:
    assert parse_report(text) == []


def test_a_report_makes_no_objects() -> None:
    """Ruby's tags are plain data here; any other tag is refused."""
    assert parse_report("resource_statuses:\n  A: !ruby/object:X {changed: true, line: ~}\n") == [
        ResourceResult("A", "changed")
    ]
    with pytest.raises(Exception, match="could not determine a constructor"):
        parse_report("resource_statuses: !!python/object/apply:os.getcwd []\n")
