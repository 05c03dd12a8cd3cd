"""Data spaces: how a site's are reached, and what a project's sources name in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

DIRECTORY, ONEDATA = "directory", "onedata"
NOT_OWN = "this secret is not the project's own: the name must begin with '{}.', or be one of the site's shared_secrets"


@dataclass(frozen=True)
class Repository:
    """Where the client of a data space comes from: apt's words for it, the one key that signs it, the exact version."""

    url: str
    suite: str
    key: str
    fingerprint: str
    version: str
    components: tuple[str, ...] = ("main",)


@dataclass(frozen=True)
class DataSpace:
    """A data space of a site. `token` is the name of a secret; `root` is empty for a folder of our own."""

    name: str
    kind: str = DIRECTORY
    description: str = ""
    root: str = ""
    read_only: bool = False
    provider: str = ""
    space: str = ""
    token: str = ""
    repository: Repository | None = None


def spaces_from_document(site: Mapping[str, Any]) -> dict[str, DataSpace]:
    """The data spaces of a checked site document, by name."""
    return {name: _space(name, told) for name, told in site.get("data_spaces", {}).items()}


def split_source(source: str) -> tuple[str, str]:
    """The data space and the path in it of a checked source, SPACE:PATH."""
    space, _, path = source.partition(":")
    return space, path


def may_name(project: str, secret: str, shared: Collection[str]) -> bool:
    """Whether a project's own files may name a secret: one of its own (ids hold no dots), or one that all may use."""
    return secret.startswith(f"{project}.") or secret in shared


def token_name(space: DataSpace, secrets: Mapping[str, str]) -> str:
    """Name of the secret that opens a data space: the project's own, else the site's; empty if none is needed."""
    return secrets.get("onedata_token", "") or space.token if space.kind == ONEDATA else ""


def _space(name: str, told: Mapping[str, Any]) -> DataSpace:
    given = told.get("repository")
    repository = Repository(**{**given, "components": tuple(given.get("components", ("main",)))}) if given else None
    return DataSpace(**{"space": name, **told, "name": name, "repository": repository})
