"""Where data may come from and where they may be mounted. Project files are untrusted: nothing leaves its folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

from cloudify_scipion.project.documents import Findings, child_path, is_number, part
from cloudify_scipion.project.hints import shown
from cloudify_scipion.project.spaces import use_problems

_MANY = 100
"""Datasets that are looked at, each against each; the schema allows fewer."""
_SPACE = re.compile(r"([a-z][a-z0-9._-]{0,79}):(.*)", re.DOTALL)


def data_rules(document: Mapping[str, Any]) -> Findings:
    """Everything that is wrong in the part `data`, whatever the site (`site_data_rules` has the rest)."""
    project = part(document, dict, "data", "project")
    for path, source in _sources(document):
        yield from _source(path, source)
    for kind in ("include", "exclude"):
        for index, pattern in enumerate(part(project, list, kind)):
            where = child_path(f"$.data.project.{kind}", index)
            if isinstance(pattern, str) and (message := _relative_problem(pattern)):
                yield where, f"{pattern!r} {message}"
    mounts: dict[str, str] = {}
    for path, dataset in _datasets(document):
        mount = dataset.get("mount")
        if isinstance(mount, str):
            yield from _mount(f"{path}.mount", mount, mounts)
            mounts.setdefault(mount, path)
    size, disk = project.get("size_gb"), part(document, dict, "volume").get("size_gb")
    if is_number(size) and is_number(disk) and size > disk:
        yield "$.volume.size_gb", f"the project's data alone take {size} GB; at least that"


def site_data_rules(project: Mapping[str, Any], site: Mapping[str, Any], prefixes: tuple[str, ...]) -> Findings:
    """What a project asks of data that the site does not have or allow."""
    name = site.get("name", "this one")
    spaces = part(site, dict, "data_spaces")
    known = ", ".join(sorted(spaces)) or "none"
    for where, source in _sources(project):
        space = _SPACE.fullmatch(source)
        if space is None:
            form = "is not SPACE:PATH, such as facility:projects/krios-0420"
            yield where, f"{source!r} {form}; data spaces of the site {name}: {known}"
        elif space[1] not in spaces:
            yield where, f"the site {name} has no data space {space[1]!r}; it has {known}"
        else:
            saves = where.startswith("$.data.project.")
            yield from use_problems(where, space[1], part(spaces, dict, space[1]), project, saves)
    given = tuple(prefix for prefix in part(site, list, "mount_prefixes") if isinstance(prefix, str)) or prefixes
    for path, dataset in _datasets(project):
        mount = dataset.get("mount")
        if not isinstance(mount, str) or mount_problem(mount):
            continue  # told by `data_rules`
        if not any(mount.startswith(f"{prefix}/") for prefix in given):
            yield f"{path}.mount", f"the site {name} allows mounts below {', '.join(given)}, not {mount!r}"


def mount_problem(mount: str) -> str:
    """Why `mount` is not a folder of its own, written in the one normal way; empty if it is."""
    if not mount.startswith("/"):
        return "is not an absolute path"
    steps = mount[1:].split("/")
    if "" in steps or "." in steps or ".." in steps:
        return f"is not normalised; did you mean {normpath('/' + mount.lstrip('/'))!r}?"
    return ""


def _datasets(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, dataset in enumerate(part(document, list, "data", "datasets")[:_MANY]):
        if isinstance(dataset, Mapping):
            yield child_path("$.data.datasets", index), dataset


def _sources(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    project = part(document, dict, "data", "project").get("source")
    if isinstance(project, str):
        yield "$.data.project.source", project
    for path, dataset in _datasets(document):
        if isinstance(dataset.get("source"), str):
            yield f"{path}.source", dataset["source"]


def _source(path: str, source: str) -> Findings:
    space = _SPACE.fullmatch(source)
    if space and (message := _relative_problem(space[2]) or _folder_problem(space[2])):
        yield path, f"the path {shown(space[2])} {message}"


def _folder_problem(text: str) -> str:
    if text in ("", "."):
        return "is the whole data space; name a folder in it"
    tidy = normpath(text)
    return "" if text == tidy else f"is not normalised; did you mean {tidy!r}?"


def _relative_problem(text: str) -> str:
    if PurePosixPath(text).is_absolute():
        return "begins with /; it is a path inside the data space"
    return "leaves its folder with `..`" if ".." in text.split("/") else ""


def _mount(path: str, mount: str, others: Mapping[str, str]) -> Findings:
    if message := mount_problem(mount):
        yield path, f"{mount!r} {message}"
        return
    for other, where in others.items():
        if mount == other:
            yield path, f"{mount!r} is the mount of {where} already"
        elif f"{mount}/".startswith(f"{other}/") or f"{other}/".startswith(f"{mount}/"):
            yield path, f"{mount!r} and the mount of {where}, {other!r}, lie in each other"
