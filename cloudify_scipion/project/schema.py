"""Checking documents against the JSON Schemas beside this module, with messages for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudify_scipion.errors import Problem
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.hints import near_limit, shown, tidied, unquoted, url_fault
from cloudify_scipion.project.nearest import nearest, nearest_or_all
from cloudify_scipion.project.providers import add_providers
from cloudify_scipion.project.spaces import add_space_kinds

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_TYPE_NAMES = {
    "object": "a mapping (an object)",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
_NO_NAME = "this is no name: use lowercase letters, digits, '.', '_' and '-', with a letter first"
"""Said of a key, unless the schema's `propertyNames` has a description."""
_MANY = 100
"""Keys that are told one by one; nobody corrects more by hand."""
_MAX_ERRORS = 1000
"""Errors of a document that are looked at; a person corrects the first and asks again."""
_KINDS = {"project": "schema.json", "site": "site_schema.json"}


@cache
def schema(kind: str) -> Mapping[str, Any]:
    """The JSON Schema of a `project` or a `site` file, with what providers and kinds of data spaces add to it."""
    document: Mapping[str, Any] = json.loads((Path(__file__).parent / _KINDS[kind]).read_text(encoding="utf-8"))
    if kind == "site":
        add_providers(document)
    add_space_kinds(document)
    return document


def schema_problems(document: object, rules: Mapping[str, Any], source: str) -> list[Problem]:
    """Everything that the JSON Schema `rules` has against `document`."""
    errors = list(islice(_validator()(rules).iter_errors(document), _MAX_ERRORS))
    wrong_type = {tuple(error.absolute_path) for error in errors if error.validator == "type"}
    told = [error for error in errors if error.validator == "type" or tuple(error.absolute_path) not in wrong_type]
    # A text that is too long is often of the wrong form, too, and told the same.
    found = list(dict.fromkeys(problem for error in told for problem in _problems_of(error, rules, source)))
    if len(errors) == _MAX_ERRORS:
        found.append(Problem(source, "$", "there may be more; put these right first"))
    return found


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator, ValidationError, validators  # slow to import

    def pattern(_: object, regex: str, instance: object, __: object) -> Iterator[ValidationError]:
        # In JSON Schema `$` is the very end; Python's `$` would let a newline follow.
        if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", regex), instance):
            yield ValidationError(f"{instance!r} does not match {regex!r}")

    return validators.extend(Draft202012Validator, {"pattern": pattern})


def _problems_of(error: ValidationError, rules: Mapping[str, Any], source: str) -> Iterator[Problem]:
    path = "$"
    for step in error.absolute_path:
        path = child_path(path, step)
    if error.validator == "additionalProperties":
        yield from _unknown_keys(error, source, path)
    elif error.validator == "required":
        yield from _missing_keys(error, source, path)
    elif "propertyNames" in error.absolute_schema_path:
        message = error.schema.get("description", _NO_NAME)
        yield Problem(source, child_path(path, str(error.instance)), message + _tidied(error))
    else:
        yield Problem(source, path, _message(error, _described_rule(error, rules)))


def _unknown_keys(error: ValidationError, source: str, path: str) -> Iterator[Problem]:
    known = list(error.schema["properties"])
    unknown = [key for key in error.instance if key not in known]
    for key in unknown[:_MANY]:
        yield Problem(source, child_path(path, key), f"this key is not known{nearest_or_all(key, known)}")
    if len(unknown) > _MANY:
        yield Problem(source, path, f"{len(unknown) - _MANY:,} more keys of this are not known")


def _missing_keys(error: ValidationError, source: str, path: str) -> Iterator[Problem]:
    # jsonschema gives one error per missing key and names the key in its message only.
    missing = next(key for key in error.validator_value if error.message.startswith(f"{key!r} is"))
    rule = error.schema.get("properties", {}).get(missing, {})
    yield Problem(source, child_path(path, missing), f"this is missing. {rule.get('description', '')}{_example(rule)}")


def _described_rule(error: ValidationError, rules: Mapping[str, Any]) -> Mapping[str, Any]:
    """The innermost rule with a description on the way from the root to the keyword that failed."""
    rule: Any = rules
    described: Mapping[str, Any] = {}
    for step in error.absolute_schema_path:
        if isinstance(rule, Mapping) and step not in rule:  # jsonschema's path leaves `$ref` out
            rule = rules["$defs"][rule["$ref"].rsplit("/", 1)[1]]
        rule = rule[step]
        if isinstance(rule, Mapping) and isinstance(rule.get("description"), str):
            described = rule
    return described


def _message(error: ValidationError, rule: Mapping[str, Any]) -> str:
    value, wanted = error.instance, error.validator_value
    text = "this (not shown)" if rule.get("writeOnly") else shown(value)
    if error.validator == "type":
        hint = unquoted(value, str(wanted)) or f".{_example(rule)}"
        return f"{text} is not {_TYPE_NAMES.get(str(wanted), str(wanted))}{hint}"
    if error.validator == "enum":
        known = [str(item) for item in wanted]
        return f"{text} is not one of {', '.join(known)}{nearest(str(value), known)}"
    if error.validator in ("minimum", "maximum"):
        return f"{text} is not allowed. {rule.get('description', '')}{near_limit(value, wanted)}"
    hint = "" if rule.get("writeOnly") else _tidied(error)
    described = rule.get("description")
    if error.validator == "pattern" and not described:
        return f"{text} is not allowed: it must match {error.validator_value}"
    fault = url_fault(value, wanted) if error.validator == "pattern" else ""
    return f"{text} is not allowed{fault}. {described}{_example(rule)}{hint}" if described else str(error.message)


def _tidied(error: ValidationError) -> str:
    return tidied(error.instance, error.validator_value) if error.validator == "pattern" else ""


def _example(rule: Mapping[str, Any]) -> str:
    examples = rule.get("examples")
    return f" Example: {json.dumps(examples[0], ensure_ascii=False)}" if examples else ""
