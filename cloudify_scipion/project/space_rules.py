"""What a site's data spaces must keep to, and what they ask of a project that names them."""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import normpath
from typing import Any

from cloudify_scipion.project.documents import Findings, child_path, part
from cloudify_scipion.project.providers import facts_of, folder_sites
from cloudify_scipion.project.spaces import DIRECTORY, ONEDATA

_OF_ONEDATA = ("provider", "space", "token", "repository")
_NEEDED = ("provider", "repository")


def space_rules(site: Mapping[str, Any]) -> Findings:
    """Everything that is wrong with the data spaces of a site document, beyond its schema."""
    spaces = part(site, dict, "data_spaces")
    yield from _one_client(spaces)
    for name in spaces:
        path, told = child_path("$.data_spaces", str(name)), part(spaces, dict, name)
        kind = told.get("kind", DIRECTORY)
        if kind == DIRECTORY:
            yield from _directory(path, told, site.get("provider"))
        elif kind == ONEDATA:
            yield from _onedata(path, told)


def use_problem(name: str, space: Mapping[str, Any], project: Mapping[str, Any], saves: bool) -> tuple[str, str]:
    """What a site's data space `name` has against a use by a project, and of which part; `saves` if it writes there."""
    if saves and space.get("read_only") is True:
        return "source", f"nothing can be saved in the data space {name!r}: it is read-only; as a dataset it is welcome"
    own = part(project, dict, "secrets").get("onedata_token")
    if space.get("kind") == ONEDATA and not own and not space.get("token"):
        return "token", f"this is missing: the data space {name!r} needs an access token, and the site has none for it"
    return "", ""


def _directory(path: str, told: Mapping[str, Any], provider: object) -> Findings:
    for key in _OF_ONEDATA:
        if key in told:
            yield child_path(path, key), f"this has no effect: kind is {DIRECTORY}"
    if isinstance(provider, str) and not facts_of(provider).folders:
        where = f"on {folder_sites()} sites only, not on {provider}"
        yield child_path(path, "kind"), f"a {DIRECTORY} is a folder of the host: {where}"
    root = told.get("root")
    if isinstance(root, str) and (root != normpath(root) or root.startswith("//")):
        tidy = normpath(f"/{root.lstrip('/')}")
        yield child_path(path, "root"), f"{root!r} is not normalised; did you mean {tidy!r}?"


def _one_client(spaces: Mapping[str, Any]) -> Findings:
    """A machine has one client, whatever it mounts."""
    known = [(name, part(spaces, dict, name).get("repository")) for name in spaces]
    first, wanted = next(((name, told) for name, told in known if told is not None), ("", None))
    for name, told in known:
        if told is not None and told != wanted:
            path = child_path(child_path("$.data_spaces", str(name)), "repository")
            yield path, f"this is another one than that of {first!r}: a machine has one client for all its data spaces"


def _onedata(path: str, told: Mapping[str, Any]) -> Findings:
    for key in _NEEDED:
        if key not in told:
            yield child_path(path, key), f"this is missing: kind is {ONEDATA}"
    if "root" in told:
        yield child_path(path, "root"), f"this has no effect: kind is {ONEDATA}"
