"""The providers, by the name that a site file gives. A new one is a folder beside `local`, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cloudify_scipion.adapters.local.provider import LocalProvider
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.provider import Provider

Make = Callable[[Services, Path, Mapping[str, Any]], Provider]
"""Makes a provider from the other ports, the state root, and a checked site document. Nothing is asked or made yet."""
DEFAULT = "local"
"""Of a project whose site is not known: its record was lost."""
PROVIDERS: dict[str, Make] = {"local": LocalProvider}


def provider_problem(site: Mapping[str, Any]) -> str:
    """Why no machine is made on a site, whatever else it is good for; empty if machines are made there."""
    name, known = site.get("provider", DEFAULT), " and ".join(sorted(PROVIDERS))
    return "" if name in PROVIDERS else f"this version makes machines on {known} sites only, not on {name}"


def make_provider(services: Services, root: Path, site: Mapping[str, Any]) -> Provider:
    """The provider of a site. Raises PermanentError naming those that make machines, if it is another one."""
    if problem := provider_problem(site):
        raise PermanentError(problem, "use another site")
    return PROVIDERS[site.get("provider", DEFAULT)](services, root, site)
