"""What of a project document's `software` can be read, whatever else is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.entries.model import Catalogue
from cloudify_scipion.catalogue.pins.file import Pins, request_problems
from cloudify_scipion.catalogue.sizing.steps import known_steps
from cloudify_scipion.catalogue.software.fit_site import gpu_problems, site_problems
from cloudify_scipion.catalogue.software.protocols import protocol_problems
from cloudify_scipion.catalogue.software.resolve import software_problems, unknown_software
from cloudify_scipion.project.documents import Findings, part
from cloudify_scipion.project.load import Further
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.site import Site


def software_check(pins: Pins | None = None) -> Further:
    """What the catalogue has against a project document, whose files are checked with it.

    With `pins`, these say what software there is, and the catalogue is not asked.
    """
    if pins:
        return lambda document, protocols, site: request_problems(part(document, dict, "software"), pins)
    return lambda document, protocols, site: document_problems(document, protocols, site, load_catalogue())


def document_problems(
    document: Mapping[str, Any], protocols: Sequence[Any], site: Site | None, catalogue: Catalogue
) -> Findings:
    """Paths and messages of all that the catalogue has against a project document.

    `protocols` is its workflow; `site` is None if it could not be read.
    """
    request = readable_software(document)
    if request is None:
        return
    yield from software_problems(request, catalogue)
    yield from protocol_problems(request, protocols, catalogue)
    yield from _needs_problems(document, protocols, request, catalogue)
    if site:
        yield from site_problems(request, site, catalogue)
        if part(document, dict, "workflow").get("run") is True:
            yield from gpu_problems(request, protocols, site, catalogue)


def unknown_in_document(document: Mapping[str, Any], protocols: Sequence[Any], catalogue: Catalogue) -> Findings:
    """Paths and messages of software and protocols that the catalogue does not know, installable or not."""
    request = readable_software(document)
    if request is not None:
        yield from unknown_software(request, catalogue)
        yield from protocol_problems(request, protocols, catalogue)
        yield from _needs_problems(document, protocols, request, catalogue)


def _needs_problems(
    document: Mapping[str, Any], protocols: Sequence[Any], request: Software, catalogue: Catalogue
) -> Findings:
    """Needs that contradict the workflow."""
    if part(document, dict, "needs").get("gpus") != 0:
        return
    steps = [step for _, step in known_steps(request, protocols, catalogue) if step.facts.gpu == "required"]
    if steps:
        who = ", ".join(step.name for step in steps)
        yield "$.needs.gpus", f"{who} cannot run without a GPU; at least 1, or leave the step out"


def readable_software(document: Mapping[str, Any]) -> Software | None:
    """The request as far as it can be read; the rest is the schema's affair, which speaks of it at the same paths."""
    software = part(document, dict, "software")
    if not software:
        return None
    scipion = software.get("scipion")
    plugins, packages, data = (_texts(software, kind) for kind in ("plugins", "em_packages", "example_data"))
    accepted = tuple(name for name in part(software, list, "accepted_licences") if isinstance(name, str))
    return Software(scipion if isinstance(scipion, str) else "", plugins, packages, data, accepted)


def _texts(software: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {name: version for name, version in part(software, dict, kind).items() if isinstance(version, str)}
