"""A project and a site as inputs of a blueprint, and back: the one place where text becomes a number.

Three things happen to values on their way through Cloudify, and are undone here:

* `cfy install -i volume_size_gb=2` hands over the text `'2'`: `coerce_inputs` turns text into the number or boolean
  that the schema wants at that place.
* Cloudify's DSL refuses any text in a blueprint that is not ASCII, and evaluates a mapping such as `{concat: [...]}`:
  `encode` writes such a value as the text `json:...`, `decode` reads it.
* An input must have a value: an optional one that is empty (`''`, `{}` or null) counts as absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import reduce
from typing import Any

from cloudify_scipion.project.model import Acquisition, Project
from cloudify_scipion.project.schema import schema

MARK = "json:"
"""How an encoded value begins."""
# fmt: off
DSL_FUNCTIONS = frozenset({
    "concat", "get_attribute", "get_attributes_dict", "get_attributes_list", "get_capability", "get_consumers",
    "get_environment_capability", "get_group_capability", "get_input", "get_label", "get_property", "get_secret",
    "get_sys", "merge", "string_find", "string_lower", "string_replace", "string_split", "string_upper",
})
# fmt: on
"""Names that Cloudify evaluates when they are the only key of a mapping, or the only one beside `type`."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}\Z")

INPUT_PATHS: Mapping[str, tuple[str, ...]] = {
    "project_id": ("id",),
    "title": ("title",),
    "owner": ("owner",),
    "facility": ("facility",),
    "acquisition": ("acquisition",),
    "scipion": ("software", "scipion"),
    "plugins": ("software", "plugins"),
    "em_packages": ("software", "em_packages"),
    "example_data": ("software", "example_data"),
    "accepted_licences": ("software", "accepted_licences"),
    "workflow": ("workflow", "file"),
    "run_workflow": ("workflow", "run"),
    "wait_minutes": ("workflow", "wait_minutes"),
    "missing_plugins": ("workflow", "missing_plugins"),
    "data": ("data",),
    "needs": ("needs",),
    "volume_size_gb": ("volume", "size_gb"),
    "volume_at_end": ("volume", "at_end"),
    "time_limit_days": ("time_limit", "days"),
    "warning_days": ("time_limit", "warning_days"),
    "grace_days": ("time_limit", "grace_days"),
    "time_zone": ("time_limit", "time_zone"),
    "secret_names": ("secrets",),
    "desktop_geometry": ("desktop", "geometry"),
}
"""The blueprint's inputs (but `site`, which is the whole site document) and where they stand in a project document."""


def project_inputs(project: Project, workflow_file: str) -> dict[str, Any]:
    """The values of the blueprint's inputs, in the order of INPUT_PATHS, as plain data."""
    made = {
        "workflow": workflow_file,
        "acquisition": acquisition_document(project.acquisition),
        "needs": _given(project.needs) or "auto",
    }
    return {
        name: made[name] if name in made else _plain(reduce(getattr, path, project))
        for name, path in INPUT_PATHS.items()
    }


def acquisition_document(acquisition: Acquisition) -> dict[str, Any]:
    """What is known of an acquisition, as it stands in a project file."""
    known = _given(replace(acquisition, detector=None))
    if acquisition.detector:
        known["detector"] = dict(zip(("width", "height"), acquisition.detector, strict=True))
    return known


def _given(value: Any) -> dict[str, Any]:
    """The fields of a part of a project that differ from their defaults, as plain data."""
    found = {f.name: getattr(value, f.name) for f in fields(value) if getattr(value, f.name) != f.default}
    return {name: _plain(item) for name, item in found.items()}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return _given(value)
    if isinstance(value, Mapping):
        return dict(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def coerce_inputs(document: object, kind: str = "project", part: str = "") -> Any:
    """A `project` or `site` document, or one `part` of it, as the schema wants it; what is wrong stays as it is.

    Encoded values are decoded, text becomes a number or boolean where the schema has one, and optional values that
    are empty are left out. Check the result with `check_documents`.
    """
    root = schema(kind)
    return _coerced(decode(document), root["properties"][part] if part else root, root)


def encode(value: Any, ascii_only: bool = True) -> Any:
    """`value` such that Cloudify hands it over unchanged; `ascii_only` where it stands in a blueprint."""
    if isinstance(value, str):
        return _marked(value) if value.startswith(MARK) or (ascii_only and not _is_plain_ascii(value)) else value
    if isinstance(value, Mapping):
        if _is_function(value) or not all(isinstance(key, str) and _is_plain_ascii(key) for key in value):
            return _marked(value)
        return {key: encode(item, ascii_only) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item, ascii_only) for item in value]
    return value


def decode(value: Any) -> Any:
    """The value that `encode` was given. Text that begins with the mark but is no JSON is left as it is."""
    if isinstance(value, str) and value.startswith(MARK):
        try:
            return json.loads(value[len(MARK) :])
        except ValueError:
            return value
    if isinstance(value, Mapping):
        return {key: decode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [decode(item) for item in value]
    return value


def _marked(value: Any) -> str:
    return MARK + json.dumps(value).replace("\x7f", "\\u007f")


def _is_plain_ascii(text: str) -> bool:
    return all(char in "\n\t" or " " <= char <= "~" for char in text)


def _is_function(value: Mapping[Any, Any]) -> bool:
    return 0 < len(value) < 3 and set(value) <= {*DSL_FUNCTIONS, "type"}


def _coerced(value: Any, rule: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, Mapping):
        return _coerced_mapping(value, rule, root)
    if isinstance(value, list):
        return [_coerced(item, rule.get("items", {}), root) for item in value]
    if isinstance(value, str):
        return _from_text(value, rule.get("type"))
    return value


def _coerced_mapping(value: Mapping[str, Any], rule: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    known = rule.get("properties", {})
    result = {key: _coerced(item, known.get(key, {}), root) for key, item in value.items()}
    kept = set(rule.get("required", ())) | (set(result) - set(known))
    return {key: item for key, item in result.items() if key in kept or item not in ("", {}, None)}


def _from_text(text: str, wanted: object) -> Any:
    if wanted == "integer" and _WHOLE.match(text.strip()):
        return int(text)
    if wanted == "boolean" and text.strip().lower() in ("true", "false"):
        return text.strip().lower() == "true"
    return text
