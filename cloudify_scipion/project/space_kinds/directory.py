"""Directories: folders of the host, which machines on it see without any client."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath
from typing import Any

from cloudify_scipion.project.documents import Findings, child_path
from cloudify_scipion.project.providers import facts_of, folder_sites
from cloudify_scipion.project.space_kinds.kind import DataSpace


@dataclass(frozen=True)
class Directory(DataSpace):
    """A folder of the host; without `root`, one of our own."""

    KIND = TITLE = "directory"
    SCHEMA = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))

    @classmethod
    def problems(cls, spaces: Mapping[str, Mapping[str, Any]], site: Mapping[str, Any]) -> Findings:
        """Folders that the site's machines cannot see, and those not written in the one normal way."""
        provider = site.get("provider")
        for name, told in spaces.items():
            path = child_path("$.data_spaces", name)
            if isinstance(provider, str) and not facts_of(provider).folders:
                where = f"on {folder_sites()} sites only, not on {provider}"
                yield f"{path}.kind", f"a {cls.KIND} is a folder of the host: {where}"
            root = told.get("root")
            if isinstance(root, str) and (root != normpath(root) or root.startswith("//")):
                tidy = normpath(f"/{root.lstrip('/')}")
                yield f"{path}.root", f"{root!r} is not normalised; did you mean {tidy!r}?"
