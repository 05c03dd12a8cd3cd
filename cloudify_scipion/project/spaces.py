"""Data spaces: the table of their kinds, what a site's must keep to, and what a project's sources name in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from cloudify_scipion.project.documents import Findings, child_path, part
from cloudify_scipion.project.space_kinds.directory import Directory
from cloudify_scipion.project.space_kinds.kind import DataSpace
from cloudify_scipion.project.space_kinds.onedata import OneData

KINDS: dict[str, type[DataSpace]] = {kind.KIND: kind for kind in (Directory, OneData)}
"""All kinds of data spaces; the first is that of a data space of which the site file names none."""
NOT_OWN = "this secret is not the project's own: the name must begin with '{}.', or be one of the site's shared_secrets"


def spaces_from_document(site: Mapping[str, Any]) -> dict[str, DataSpace]:
    """The data spaces of a checked site document, by name."""
    spaces = site.get("data_spaces", {})
    return {name: kind.from_document(name, told) for name, told in spaces.items() if (kind := _kind_of(told))}


def split_source(source: str) -> tuple[str, str]:
    """The data space and the path in it of a checked source, SPACE:PATH."""
    space, _, path = source.partition(":")
    return space, path


def may_name(project: str, secret: str, shared: Collection[str]) -> bool:
    """Whether a project's own files may name a secret: one of its own (ids hold no dots), or one that all may use."""
    return secret.startswith(f"{project}.") or secret in shared


def kinds_with_secrets() -> str:
    """The kinds whose data spaces need a secret, for people."""
    return " and ".join(kind.TITLE for kind in KINDS.values() if kind.SECRET)


def add_space_kinds(document: Mapping[str, Any]) -> None:
    """Put into the JSON Schema of a project file or a site file what the kinds let it say."""
    if "data_spaces" in document["properties"]:
        keys = document["properties"]["data_spaces"]["additionalProperties"]["properties"]
        about = " ".join(f"{name}: {kind.SCHEMA['description']}." for name, kind in KINDS.items())
        first = next(iter(KINDS))
        keys["kind"] |= {"description": about, "enum": [*KINDS], "default": first, "examples": [first]}
        keys |= _said("properties")
    else:
        secrets = document["properties"]["secrets"]
        secrets["properties"] |= _said("secrets")
        secrets["examples"] = [{key: rule["examples"][0] for key, rule in secrets["properties"].items()}]


def space_rules(site: Mapping[str, Any]) -> Findings:
    """Everything that is wrong with the data spaces of a site document, beyond its schema."""
    named = part(site, dict, "data_spaces")
    for kind in KINDS.values():
        spaces = {str(name): part(named, dict, name) for name in named}
        spaces = {name: told for name, told in spaces.items() if _kind_of(told) is kind}
        for name, told in spaces.items():
            yield from _keys(child_path("$.data_spaces", name), told, kind)
        yield from kind.problems(spaces, site)


def use_problems(where: str, name: str, space: Mapping[str, Any], project: Mapping[str, Any], saves: bool) -> Findings:
    """What a site's data space `name` has against the source at `where` in a project; `saves` if that is written."""
    kind = _kind_of(space) or DataSpace
    if saves and space.get("read_only") is True:
        yield where, f"nothing can be saved in the data space {name!r}: it is read-only; as a dataset it is welcome"
    elif kind.SECRET and not part(project, dict, "secrets").get(kind.SECRET) and not space.get(kind.SITE_SECRET):
        message = f"the data space {name!r} needs {kind.SECRET_TITLE}, and the site has none for it"
        yield child_path("$.secrets", kind.SECRET), f"this is missing: {message}"


def _said(what: str) -> dict[str, Any]:
    return {key: rule for kind in KINDS.values() for key, rule in kind.SCHEMA.get(what, {}).items()}


def _kind_of(told: Mapping[str, Any]) -> type[DataSpace] | None:
    kind = told.get("kind", next(iter(KINDS)))
    return KINDS.get(kind) if isinstance(kind, str) else None


def _keys(path: str, told: Mapping[str, Any], kind: type[DataSpace]) -> Findings:
    """Keys that a data space of this kind lacks, and those of other kinds, which it must not have."""
    others = _said("properties").keys() - kind.SCHEMA["properties"].keys()
    lacks = [key for key in kind.SCHEMA.get("required", ()) if key not in told]
    yield from ((child_path(path, key), f"this is missing: kind is {kind.KIND}") for key in lacks)
    yield from ((child_path(path, key), f"this has no effect: kind is {kind.KIND}") for key in told if key in others)
