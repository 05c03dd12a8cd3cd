"""How an EM package, or a data set, gets into its folder on the machine: one type for each method of installing.

A new method is a type here (and in METHODS), its fields in `schema.json`, and a case in Puppet's module `em_package`
that makes the folder of what `puppet` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

_OPTIONAL = ("apt", "links", "binary")
"""Fields that Puppet is told of only where they say something."""


@dataclass(frozen=True)
class Method:
    """What all methods have: `home`, the folder on the machine; Debian packages that it takes, with their versions
    (`apt`); links in the folder, name to target.
    """

    NAME: ClassVar[str]
    home: str = ""
    apt: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    def puppet(self) -> dict[str, Any]:
        """What Puppet is told of it."""
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"method": self.NAME} | {key: value for key, value in told.items() if value or key not in _OPTIONAL}


@dataclass(frozen=True)
class Apt(Method):
    """Debian packages in exact versions, with links to what they bring."""

    NAME: ClassVar[str] = "apt"


@dataclass(frozen=True)
class Generate(Method):
    """Made on the machine by a Python program, whose text is `script`."""

    NAME: ClassVar[str] = "generate"
    script: str = ""


@dataclass(frozen=True)
class Pip(Method):
    """Python distributions in a virtual environment, hash-pinned in `requirements`."""

    NAME: ClassVar[str] = "pip"
    requirements: str = ""


@dataclass(frozen=True)
class Fetched(Method):
    """What is made of a `file` of the site's mirrors. An empty `sha256` is one that the file's makers do not publish:
    the site states it (see `site_files`).
    """

    file: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Archive(Fetched):
    """The file is unpacked without its first `strip` folders."""

    NAME: ClassVar[str] = "archive"
    strip: int = 0


@dataclass(frozen=True)
class Installb(Fetched):
    """Scipion's own `installb` makes the folder of the file; `binary` is its name there, if not that of the home."""

    NAME: ClassVar[str] = "installb"
    binary: str = ""


@dataclass(frozen=True)
class Listed(Method):
    """Known, but nothing installs it yet; `why` says what that would take."""

    NAME: ClassVar[str] = "listed"
    why: str = ""


METHODS: Mapping[str, type[Method]] = {each.NAME: each for each in (Apt, Generate, Pip, Archive, Installb, Listed)}
