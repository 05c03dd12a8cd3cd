"""What project and site files are judged by of each provider that a site file can name: a new one has a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cloudify_scipion.project.documents import Findings, is_number, part
from cloudify_scipion.project.nearest import nearest


@dataclass(frozen=True)
class ProviderFacts:
    """What there can be on a provider's sites: `folders` of its own as data spaces, graphics `cards` in its machines.

    `rules` finds what is wrong, beyond the schema, with the keys of a site document that are this provider's alone.
    """

    folders: bool = False
    cards: bool = True
    rules: Callable[[Mapping[str, Any]], Findings] = lambda _: iter(())


def facts_of(provider: object) -> ProviderFacts:
    """What is known of the provider of that name; of an unknown one, what most have."""
    return PROVIDERS.get(str(provider), ProviderFacts())


def provider_rules(site: Mapping[str, Any]) -> Findings:
    """What is wrong with a site document's provider, and with what the site says for it."""
    name = site.get("provider")
    if isinstance(name, str) and name not in PROVIDERS:
        yield "$.provider", f"{name!r} is not one of {', '.join(PROVIDERS)}{nearest(name, PROVIDERS)}"
    yield from facts_of(name).rules(site)


def folder_sites() -> str:
    """The providers on whose sites a data space can be a folder, for people."""
    return " and ".join(name for name, facts in PROVIDERS.items() if facts.folders)


def _local(site: Mapping[str, Any]) -> Findings:
    ports = part(site, dict, "ports")
    first, last = ports.get("first"), ports.get("last")
    if is_number(first) and is_number(last) and last < first + 1:
        yield "$.ports.last", f"a project takes two ports: the last must be above the first, {first}"


PROVIDERS: dict[str, ProviderFacts] = {
    "local": ProviderFacts(folders=True, cards=False, rules=_local),
    "openstack": ProviderFacts(),
}
