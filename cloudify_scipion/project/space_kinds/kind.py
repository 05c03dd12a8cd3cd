"""What every kind of data space answers about site and project files; a kind is a class below `DataSpace`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from cloudify_scipion.project.documents import Findings
from cloudify_scipion.project.model import built


@dataclass(frozen=True)
class DataSpace:
    """A data space of a site; `secret` is the name of the site's secret that opens it, empty if there is none, and
    `root` the folder of the host where it lies, empty if it does not, or if that is a folder of our own.

    A kind's own fields are what else the site file may say of it. It overrides what is not as here: nothing of its own
    in the files, and no secret.
    """

    name: str
    description: str = ""
    read_only: bool = False
    secret: str = ""
    root: str = ""

    KIND = TITLE = ""
    """What `kind` in the site file says, and the kind's name for people."""
    SCHEMA: ClassVar[Mapping[str, Any]] = {}
    """What it is (`description`), the `properties` that it adds to the site file's schema and which of them are
    `required`, and the `secrets` that it adds to the project file's."""
    SECRET = SITE_SECRET = SECRET_TITLE = ""
    """What a project file's `secrets` call the secret that opens it, what the site file calls it, and it in words."""

    @classmethod
    def from_document(cls, name: str, told: Mapping[str, Any]) -> Self:
        """The data space `name` of a checked site document. Keys that no version knows any more are passed over."""
        return built(cls, {**told, "name": name, "secret": told.get(cls.SITE_SECRET, "")})

    @classmethod
    def problems(cls, spaces: Mapping[str, Mapping[str, Any]], site: Mapping[str, Any]) -> Findings:
        """What is wrong with a site's data spaces of this kind, by name, beyond their schema: paths and messages."""
        yield from ()

    def secret_name(self, own: Mapping[str, str]) -> str:
        """Name of the secret that opens it: the project's own, else the site's; empty if none is needed."""
        return own.get(self.SECRET) or self.secret

    def secret_problem(self, value: str, end: datetime) -> str:
        """Why the value of its secret is not good until `end`; empty if it is, or does not say. Never shows it."""
        return ""
