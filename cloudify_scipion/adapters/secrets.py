"""Secrets of the local profile: 0600 files in a 0700 folder, or environment variables."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from cloudify_scipion.errors import PermanentError

PREFIX = "CLOUDIFY_SCIPION_SECRET_"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class FileSecrets:
    """Implements the port Secrets: the environment first, then the folder; names with a dot from the folder only."""

    def __init__(self, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._folder = folder
        self._environment = environment

    def get(self, name: str) -> str:
        """The value of secret `name`; an error names the places, never a value."""
        if not NAME.fullmatch(name):
            raise PermanentError(f"'{name}' is not a valid name of a secret", "use letters, digits, '_', '.' and '-'")
        if "." in name:  # a project's own: two such names could share a variable
            return self._read(name, "")
        variable = PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())
        if variable in self._environment:
            return self._environment[variable]
        return self._read(name, f" or into the variable {variable}")

    def _read(self, name: str, other: str) -> str:
        path = self._folder / name
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            raise PermanentError(f"secret '{name}' is not known", f"put it into {path} (mode 0600){other}") from None
        if mode & 0o077:
            raise PermanentError(f"{path} can be read by others", f"chmod 600 {path}")
        return path.read_text(encoding="utf-8")
