"""Reading what Puppet says: lines of its console log while it runs, and its report afterwards. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from cloudify_scipion.lifecycle.facts import ResourceResult

_RESOURCE = re.compile(r"^(Notice|Warning|Error): (?:/Stage\[\w+\])?/(?P<path>.+?): (?P<message>.*)$")
_LAST = re.compile(r"([A-Z][\w:]*\[[^\]]+\])(?:/\w+)?$")


class _ReportLoader(yaml.SafeLoader):
    """Reads Puppet's report, whose objects carry Ruby tags that mean nothing here."""


def _plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]


_ReportLoader.add_multi_constructor("!ruby/", _plain)


def parse_line(line: str) -> tuple[str, str] | None:
    """(resource, message) of a console line about a resource, or None."""
    match = _RESOURCE.match(line)
    if not match:
        return None
    last = _LAST.search(match["path"])
    return (last[1] if last else match["path"], match["message"])


def parse_report(text: str) -> list[ResourceResult]:
    """Every resource of the run, from `last_run_report.yaml`; empty for an empty text."""
    report = yaml.load(text, Loader=_ReportLoader) or {}  # noqa: S506 - a SafeLoader
    statuses = report.get("resource_statuses") or {}
    return [_result(name, status) for name, status in statuses.items()]


def _result(name: str, status: dict[str, object]) -> ResourceResult:
    word = "failed" if status.get("failed") else "changed" if status.get("changed") else "unchanged"
    events = status.get("events")
    messages = (
        [str(e.get("message")) for e in events if e.get("status") == "failure"] if isinstance(events, list) else []
    )
    line = status.get("line")
    return ResourceResult(
        name, word, str(status.get("file") or ""), line if isinstance(line, int) else 0, "; ".join(messages)
    )


def failures(results: Sequence[ResourceResult], lines: Sequence[str]) -> str:
    """The failures as text: resource, file and line, message, and the last that a failed command printed.

    The errors of the log when no resource failed.
    """
    failed = [r for r in results if r.status == "failed"]
    if not failed:
        errors = [line for line in lines if line.startswith("Error:")]
        return "\n".join(errors[-10:] or lines[-10:])
    return "\n".join(f"  {r.resource} ({r.file}:{r.line}): {r.message}" + _printed(r.resource, lines) for r in failed)


def _printed(resource: str, lines: Sequence[str]) -> str:
    """What a command printed: a notice per line in the log, nothing in the report."""
    said = (parse_line(line) for line in lines if line.startswith("Notice:"))
    return "".join([f"\n      {found[1]}" for found in said if found and found[0] == resource][-10:])
