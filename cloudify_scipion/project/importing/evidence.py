"""Versions that logs and exports name.

Every run of a Scipion protocol begins its log with lines such as `pyworkflow: 3.11.7`, `plugin: relion - URL`,
`plugin v: 4.0.20(production)` and `plugin binary v: 3.1` (pyworkflow 3.11.7, `Protocol.run`). Some plugins' exports
have `plugin`, `pluginVersion` and `pluginBinaryVersion` for each protocol.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cloudify_scipion.project.importing.model import Evidence

MAX_LOG_BYTES = 262_144
"""How much of a log is read: the versions stand in its first lines."""
_MAX_NAME = 100
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LINE = re.compile(r"\s*(?:[0-9]+:\s+)?(pyworkflow|plugin|plugin v|plugin binary v):[ \t]*([A-Za-z0-9][\w.+-]*)")
_RUN = re.compile(r"[0-9]{6,}_([A-Za-z_][A-Za-z0-9_]*)\Z")


def folder_evidence(folder: Path) -> Iterator[Evidence]:
    """Evidence of all logs of a Scipion project folder, in the order of the runs; what cannot be read is left out."""
    for path in sorted(folder.glob("Runs/*/logs/run.stdout")):
        run = _RUN.match(path.parents[1].name)
        text = _beginning(path)
        if text:
            found = log_evidence(text, str(path.relative_to(folder)), run[1] if run else "")
            if found.module or found.pyworkflow:
                yield found


def log_evidence(text: str, where: str, class_name: str = "") -> Evidence:
    """What the log of a run names; a protocol that ran several times has the versions of its last run."""
    found: dict[str, str] = {}
    for line in _COLOUR.sub("", text).splitlines():
        if match := _LINE.match(line):
            found[match[1]] = match[2]
    return Evidence(
        kind="log",
        where=where,
        module=found.get("plugin", ""),
        class_name=class_name,
        version=found.get("plugin v", ""),
        binary=found.get("plugin binary v", ""),
        pyworkflow=found.get("pyworkflow", ""),
    )


def export_evidence(protocols: Sequence[Mapping[str, Any]]) -> Iterator[Evidence]:
    """What an export names for each protocol, whether it can be believed or not."""
    for protocol in protocols:
        module, version, binary = (_text(protocol, key) for key in ("plugin", "pluginVersion", "pluginBinaryVersion"))
        if module:
            where = f"protocol {protocol['object.id']}"
            yield Evidence("export", where, module, str(protocol["object.className"]), version, binary)


def one_version_for_all(evidence: Sequence[Evidence]) -> str:
    """The version that an export gives to plugins that have nothing to do with each other, if it is only one.

    scipion-em-empiar 3.1.1 writes its own version into every protocol.
    """
    modules = {item.module for item in evidence if item.version}
    versions = {item.version for item in evidence if item.version}
    return versions.pop() if len(modules) > 1 and len(versions) == 1 else ""


def _text(protocol: Mapping[str, Any], key: str) -> str:
    value = protocol.get(key)
    return value.strip()[:_MAX_NAME] if isinstance(value, str) else ""


def _beginning(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(MAX_LOG_BYTES).decode(errors="replace")
    except OSError:
        return ""
