"""What a site file must keep to and a schema cannot say, and what a site allows a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudify_scipion.project.data_rules import site_data_rules
from cloudify_scipion.project.documents import Findings, child_path, is_number, part
from cloudify_scipion.project.nearest import nearest_or_all
from cloudify_scipion.project.providers import provider_rules
from cloudify_scipion.project.site import MOUNT_PREFIXES
from cloudify_scipion.project.spaces import NOT_OWN, may_name, space_rules


def site_rules(document: Mapping[str, Any]) -> Findings:
    """Everything that is wrong inside a site document, beyond its schema."""
    yield from provider_rules(document)
    yield from _tls(document)
    yield from _flavours(document)
    yield from _files(document)
    yield from space_rules(document)


def site_allows(project: Mapping[str, Any], site: Mapping[str, Any]) -> Findings:
    """What a project asks for and the site does not allow; the paths are the project's."""
    name = site.get("name", "this one")
    if part(project, dict, "volume").get("at_end") == "discard" and site.get("allow_discard", False) is False:
        yield "$.volume.at_end", f"the site {name} does not allow discard (allow_discard); use hold"
    limits = part(site, dict, "limits")
    for where, asked, limit, unit in (
        ("$.time_limit.days", part(project, dict, "time_limit").get("days", 14), limits.get("days"), "days"),
        ("$.volume.size_gb", part(project, dict, "volume").get("size_gb"), limits.get("volume_gb"), "GB"),
    ):
        if is_number(asked) and is_number(limit) and asked > limit:
            yield where, f"the site {name} allows at most {limit} {unit}, not {asked}"
    yield from site_data_rules(project, site, MOUNT_PREFIXES)
    yield from _secrets(project, site)


def _secrets(project: Mapping[str, Any], site: Mapping[str, Any]) -> Findings:
    """No project opens another one's data."""
    own, shared = str(project.get("id")), part(site, list, "shared_secrets")
    for use, name in part(project, dict, "secrets").items():
        if isinstance(name, str) and not may_name(own, name, shared):
            yield child_path("$.secrets", str(use)), NOT_OWN.format(own)


def _tls(document: Mapping[str, Any]) -> Findings:
    desktop = part(document, dict, "desktop")
    for key in ("tls_certificate", "tls_key"):
        if desktop.get("tls") == "given" and key not in desktop:
            yield f"$.desktop.{key}", "this is missing: tls is given"
        elif desktop.get("tls", "none") != "given" and key in desktop:
            yield f"$.desktop.{key}", "this has no effect unless tls is given"


def _flavours(document: Mapping[str, Any]) -> Findings:
    models, names = part(document, dict, "gpu_models"), set()
    for index, flavour in enumerate(part(document, list, "flavours")):
        if not isinstance(flavour, Mapping):
            continue
        path = child_path("$.flavours", index)
        model, gpus, name = flavour.get("gpu"), flavour.get("gpus", 0), flavour.get("name")
        if isinstance(model, str) and model not in models:
            yield f"{path}.gpu", f"gpu_models has no {model!r}{nearest_or_all(model, models)}"
        if is_number(gpus) and gpus > 0 and model is None:
            yield f"{path}.gpu", "this is missing: the flavour has graphics cards"
        if gpus == 0 and isinstance(model, str):
            yield f"{path}.gpus", "this is missing: how many cards"
        if isinstance(name, str) and name in names:
            yield f"{path}.name", f"{name!r} is the name of another flavour already"
        names.add(name if isinstance(name, str) else "")


def _files(document: Mapping[str, Any]) -> Findings:
    """A file is the same on every mirror: which of them serves it must not matter."""
    known: dict[object, tuple[object, str]] = {}
    for mirror in (mirrors := part(document, dict, "mirrors")):
        for file, sha256 in part(mirrors, dict, mirror, "files").items():
            first, where = known.setdefault(file, (sha256, mirror))
            if first != sha256:
                path = child_path(child_path(child_path("$.mirrors", mirror), "files"), file)
                yield path, f"the mirror {where} states another SHA-256 for {file}: they must be the same file"
