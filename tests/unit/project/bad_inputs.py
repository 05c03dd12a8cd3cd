"""The table of bad inputs: what a facility could send, and what it is told."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cloudify_scipion.cli.inputs import load_checked
from cloudify_scipion.errors import InputError

TABLE = Path(__file__).resolve().parents[2] / "cases" / "bad_inputs.yaml"
PROJECT: Mapping[str, Any] = {
    "id": "p1",
    "title": "A project",
    "software": {"scipion": "3.8.3"},
    "volume": {"size_gb": 10},
}
SITE: Mapping[str, Any] = {"name": "here", "provider": "local"}


def cases() -> list[dict[str, Any]]:
    """The table: each case has a name, what is changed or written instead, and the problems expected."""
    found: list[dict[str, Any]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return found


def problems(case: Mapping[str, Any], folder: Path) -> list[str]:
    """What `check` says to a case, with its files in `folder`; paths relative to that."""
    (folder / "project.json").write_bytes(_text(case, "project", PROJECT, json.dumps))
    (folder / "site.yaml").write_bytes(_text(case, "site", SITE, yaml.safe_dump))
    for name, content in case.get("files", {}).items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    try:
        load_checked(folder / "project.json", folder / "site.yaml")
    except InputError as error:
        return [str(problem).replace(f"{folder}/", "") for problem in error.problems]
    return []


def _text(case: Mapping[str, Any], kind: str, base: Mapping[str, Any], write: Any) -> bytes:
    if f"{kind}_text" in case:
        text: str = case[f"{kind}_text"]
        return text.encode("latin-1") if case.get("latin1") else text.encode()
    return str(write(_changed(base, case.get(kind, {})))).encode()


def _changed(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A document with values put at dotted paths; a null takes the key away."""
    document: dict[str, Any] = copy.deepcopy(dict(base))
    for path, value in changes.items():
        *above, last = path.split("/")
        inner = document
        for key in above:
            inner = inner.setdefault(key, {})
        if value is None:
            inner.pop(last, None)
        else:
            inner[last] = value
    return document
