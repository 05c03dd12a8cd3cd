"""The end of a state root in which nothing is left."""

from __future__ import annotations

from pathlib import Path

from cloudify_scipion.adapters.files import remove_if_empty
from cloudify_scipion.lifecycle.ports import Services

_MUST_BE_EMPTY = ("projects", "secrets")


def remove_empty_state(services: Services, root: Path) -> bool:
    """Remove the folders and lock files of a state root without projects, secrets, and anything of a provider.

    True if the root is gone. Only empty folders and files without content of ours are ever removed, one by one.
    """
    providers = [services.provider(site) for site in services.sites()]
    if not all(remove_if_empty(root / name) for name in _MUST_BE_EMPTY):
        return False
    if any(not provider.remove_empty() for provider in providers):
        return False
    for path in [*(root / "locks").glob("*"), *(root / "ended").glob("*.json")]:
        path.unlink(missing_ok=True)
    if not all(remove_if_empty(root / name) for name in ("locks", "ended")):
        return False
    for name in ("installation", "installation.lock"):
        (root / name).unlink(missing_ok=True)
    return remove_if_empty(root)
