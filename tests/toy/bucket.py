"""A third kind of data space, a bucket behind an address: all that the package is told of it is `register`.

What its Puppet class and its unit would do on a real machine, `BucketPuppet` and `bucket_unit` do on a fake one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from cloudify_scipion.errors import PuppetFailed, ScipionError, TokenRefused
from cloudify_scipion.lifecycle.facts import PuppetResult
from cloudify_scipion.lifecycle.ports import Shell
from cloudify_scipion.lifecycle.provider import Access
from cloudify_scipion.lifecycle.space import MOUNTS
from cloudify_scipion.lifecycle.space_kinds.kind import SpaceMounts
from cloudify_scipion.project.documents import Findings, child_path
from cloudify_scipion.project.schema import schema
from cloudify_scipion.project.space_kinds.kind import DataSpace
from cloudify_scipion.project.spaces import KINDS
from tests.fakes.agent import Space
from tests.fakes.host import FakeHost
from tests.fakes.inside import FakeShell
from tests.fakes.ports import FakePuppet

FOLDER, JOURNAL = "/etc/bucket", "/var/log/bucket"
REFUSED = b"refused"
"""Credentials with which nothing is mounted."""


@dataclass(frozen=True)
class Bucket(DataSpace):
    """What a site file says of a bucket."""

    address: str = ""

    KIND, TITLE = "bucket", "buckets"
    SCHEMA = {
        "description": "a bucket behind an address",
        "properties": {"address": {"type": "string"}, "credentials": {"$ref": "#/$defs/secret_name"}},
        "required": ["address"],
        "secrets": {"bucket_credentials": {"$ref": "#/$defs/secret_name", "examples": ["krios-0420.bucket"]}},
    }
    SECRET, SITE_SECRET, SECRET_TITLE = "bucket_credentials", "credentials", "credentials"

    @classmethod
    def problems(cls, spaces: Mapping[str, Mapping[str, Any]], site: Mapping[str, Any]) -> Findings:
        """An address that anybody on the way could answer for."""
        for name, told in spaces.items():
            if str(told.get("address", "https:")).startswith("http:"):
                yield f"{child_path('$.data_spaces', name)}.address", "this is not encrypted"

    def secret_problem(self, value: str, end: datetime) -> str:
        """That the credentials end before the project does: they say the year."""
        return "the credentials end before the project" if value.isdigit() and int(value) < end.year else ""


@dataclass(frozen=True)
class BucketMounts(SpaceMounts[Bucket]):
    """How a bucket comes onto the machine."""

    KIND, CLASS = Bucket.KIND, "bucket"
    GRANT = "whoever owns the bucket lets the credentials write"

    def software_data(self) -> Mapping[str, object]:
        """Its client."""
        return {"bucket::install": True}

    def project_data(self) -> Mapping[str, object]:
        """Its mounts."""
        mounts = {
            name: {"address": part.space.address, "path": part.path, "mountpoint": part.target}
            for name, part in self.parts.items()
        }
        return {"bucket::install": False, "bucket::mounts": mounts}

    def prepare(self, shell: Shell, secrets: Mapping[str, str]) -> None:
        """Its credentials."""
        own = self.record.settings.get("secrets", {})
        for name, part in self.parts.items():
            words = ["install", "-m", "0600", "/dev/stdin", f"{FOLDER}/{name}"]
            shell.run(words, stdin=secrets[part.space.secret_name(own)].encode())

    def error(self, shell: Shell) -> ScipionError | None:
        """What its unit has said at last."""
        said = shell.run(["cat", JOURNAL], expect=range(128)).stdout
        return TokenRefused(f"the bucket says: {said}", "put other credentials there") if said else None

    def mount_anew(self, shell: Shell, unwell: Collection[str] = ()) -> None:
        """Restart its units."""
        shell.run(["systemctl", "restart", *(f"bucket@{name}.service" for name in self.parts)])


def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the kind known until the fixture that yields from this ends."""
    monkeypatch.setitem(KINDS, Bucket.KIND, Bucket)
    monkeypatch.setitem(MOUNTS, Bucket.KIND, BucketMounts)
    schema.cache_clear()
    yield
    schema.cache_clear()


class BucketPuppet(FakePuppet):
    """Puppet with a module `bucket`, whose class mounts with the credentials that it finds."""

    def apply(
        self, shell: Shell, access: Access, run: str, classes: Sequence[str], data: Mapping[str, object], *more: Any
    ) -> PuppetResult:
        """Mount, then do all else."""
        assert isinstance(shell, FakeShell)
        for name, mount in dict(json.loads(json.dumps(data.get("bucket::mounts", {})))).items():
            if shell.files()[f"{FOLDER}/{name}"] == REFUSED:
                shell.disk().files[JOURNAL] = b"no entry"
                raise PuppetFailed("mounts failed")
            folder = bucket_folder(mount["address"], mount["path"])
            shell.host.spaces.setdefault(folder, Space())
            shell.disk().folders[mount["mountpoint"]] = (folder, name != "project")
        return super().apply(shell, access, run, classes, data, *more)


def bucket_folder(address: str, path: str) -> str:
    """By what name a host of fakes knows a folder of a bucket."""
    return f"{address}/{path}"


def in_bucket(host: FakeHost, address: str, path: str) -> Space:
    """What lies in a folder of a bucket."""
    return host.spaces.setdefault(bucket_folder(address, path), Space())


def mounts_by_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a restart of the bucket's units bring a lost mount back, as only that does."""
    real = FakeShell._systemctl

    def systemctl(self: FakeShell, words: list[str]) -> Any:
        if words[0] == "restart" and words[1].startswith("bucket@"):
            self.disk().lost = ""
        return real(self, words)

    monkeypatch.setattr(FakeShell, "_systemctl", systemctl)
