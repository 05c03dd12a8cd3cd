"""What project and site files are judged by of each provider that a site file can name: a new one has a line here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudify_scipion.project.documents import Findings, child_path, is_number, part


@dataclass(frozen=True)
class ProviderFacts:
    """What there can be on a provider's sites: `folders` of its own as data spaces, graphics `cards` in its machines.

    `schema` says what it is (`description`), and the `properties` of a site file that are this provider's alone;
    `rules` finds what is wrong with those beyond that.
    """

    schema: Mapping[str, Any] = field(default_factory=dict)
    folders: bool = False
    cards: bool = True
    rules: Callable[[Mapping[str, Any]], Findings] = lambda _: iter(())


def facts_of(provider: object) -> ProviderFacts:
    """What is known of the provider of that name; of an unknown one, what most have."""
    return PROVIDERS.get(str(provider), ProviderFacts())


def provider_rules(site: Mapping[str, Any]) -> Findings:
    """What is wrong with a site document's provider part, keys of other providers included."""
    own = str(site.get("provider"))
    known = facts_of(own).schema.get("properties", {})
    others = {key for facts in PROVIDERS.values() for key in facts.schema.get("properties", {}) if key not in known}
    for key in sorted(others & {*site}) if own in PROVIDERS else ():
        yield child_path("$", key), f"this has no effect: provider is {own}"
    yield from facts_of(own).rules(site)


def add_providers(document: Mapping[str, Any]) -> None:
    """Put into the JSON Schema of a site file what the providers let it say."""
    properties, about = document["properties"], "Who provides machines."
    for name, facts in PROVIDERS.items():
        about = f"{about} {name}: {facts.schema['description']}."
        properties |= facts.schema.get("properties", {})
    properties["provider"] |= {"description": about, "enum": [*PROVIDERS]}


def folder_sites() -> str:
    """The providers on whose sites a data space can be a folder, for people."""
    return " and ".join(name for name, facts in PROVIDERS.items() if facts.folders)


def _local(site: Mapping[str, Any]) -> Findings:
    ports = part(site, dict, "ports")
    first, last = ports.get("first"), ports.get("last")
    if is_number(first) and is_number(last) and last < first + 1:
        yield "$.ports.last", f"a project takes two ports: the last must be above the first, {first}"


_LOCAL = json.loads(Path(__file__).with_name("local_provider.json").read_text(encoding="utf-8"))
_CLOUD = "servers of an OpenStack cloud (flavours are chosen; this version does not make its machines yet)"
PROVIDERS: dict[str, ProviderFacts] = {
    "local": ProviderFacts(_LOCAL, folders=True, cards=False, rules=_local),
    "openstack": ProviderFacts({"description": _CLOUD}),
}
