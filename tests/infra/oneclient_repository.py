"""An apt repository with a STAND-IN for OneData's client in it: the hostile FUSE of tests/hostile as a Debian package.

The real oneclient is in a repository of OneData's that tests do not ask. The stand-in has the same package name, path
and command line; instead of a Oneprovider it reads a file on the machine, which says what tokens open what folders.
The package knows no token and no space: a test grants them on the machine.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

from tests.hostile import archive
from tests.hostile.standin.provider import DEFAULT

VERSION = "21.02.8-1~bookworm"
SUITE = "bookworm"
HOST = "oneprovider.example.org"
STATE = "/var/lib/oneclient-stand-in"
"""On the machine: the folders that stand for spaces, and the sockets by which mounts take orders."""
_CONTROL = f"""Package: oneclient
Version: {VERSION}
Architecture: all
Maintainer: Tests <tests@example.org>
Depends: fuse3, python3
Description: stand-in for OneData's client, for tests
"""
_MAKE_STATE = f"""#!/bin/sh
set -e
install -d -m 1777 {STATE} {STATE}/control
"""


@dataclass(frozen=True)
class Repository:
    """What a site file has to know of it, beside where it is served."""

    key: str
    fingerprint: str

    def document(self, url: str) -> dict[str, str]:
        """The part `repository` of a site file."""
        told = {"url": url, "suite": SUITE, "version": VERSION}
        return {**told, "key": self.key, "fingerprint": self.fingerprint}


def write_repository(folder: Path, work: Path) -> Repository:
    """The repository in `folder`, signed with a key made for it; `work` is for what nobody is to see."""
    pool = folder / "pool"
    pool.mkdir(parents=True)
    deb = pool / f"oneclient_{VERSION}_all.deb"
    _write_package(work / "package", deb)
    packages = folder / f"dists/{SUITE}/main/binary-amd64/Packages"
    packages.parent.mkdir(parents=True)
    packages.write_text(f"{_CONTROL}Filename: pool/{deb.name}\n{_sums(deb)}\n")
    packages.with_suffix(".gz").write_bytes(gzip.compress(packages.read_bytes()))
    key = _Key(work / "gnupg")
    _write_release(folder / "dists" / SUITE, key)
    told = Repository(key.public(), key.fingerprint)
    key.forget()
    return told


def provider(tokens: Mapping[str, Any], spaces: Mapping[str, Any]) -> str:
    """The stand-in's provider as a file: see tests/hostile/standin/provider.py."""
    return json.dumps({"host": HOST, "tokens": tokens, "spaces": spaces, "control": f"{STATE}/control"})


def _write_package(tree: Path, deb: Path) -> None:
    program, settings = tree / "usr/bin/oneclient", tree / str(DEFAULT).lstrip("/")
    for path in (program, settings, tree / "DEBIAN/control"):
        path.parent.mkdir(parents=True)
    archive.build(program)
    settings.write_text(provider({}, {}))
    (tree / "DEBIAN/control").write_text(_CONTROL)
    (tree / "DEBIAN/postinst").write_text(_MAKE_STATE)
    (tree / "DEBIAN/postinst").chmod(0o755)
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, deb], check=True, stdout=subprocess.DEVNULL)


def _write_release(suite: Path, key: _Key) -> None:
    files = sorted(path for path in suite.rglob("Packages*"))
    lines = [f" {_sha256(path)} {path.stat().st_size} {path.relative_to(suite)}" for path in files]
    words = {"Origin": "stand-in", "Suite": SUITE, "Codename": SUITE, "Components": "main", "Architectures": "amd64"}
    text = "".join(f"{name}: {value}\n" for name, value in {**words, "Date": formatdate(usegmt=True)}.items())
    (suite / "Release").write_text(f"{text}SHA256:\n" + "\n".join(lines) + "\n")
    key.run("--clearsign", "--output", str(suite / "InRelease"), str(suite / "Release"))


class _Key:
    """A key for one day."""

    def __init__(self, home: Path) -> None:
        self._home = home
        home.mkdir(mode=0o700)
        self.run("--passphrase", "", "--quick-generate-key", "Stand-in <stand-in@example.org>", "rsa2048", "sign", "1d")
        listed = self.run("--with-colons", "--list-keys").splitlines()
        self.fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))

    def public(self) -> str:
        return self.run("--armor", "--export")

    def forget(self) -> None:
        """End gpg's agent, which holds it."""
        subprocess.run(["gpgconf", "--homedir", str(self._home), "--kill", "gpg-agent"], check=True)

    def run(self, *words: str) -> str:
        argv = ["gpg", "--homedir", str(self._home), "--batch", "--quiet", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def _sums(path: Path) -> str:
    return f"Size: {path.stat().st_size}\nSHA256: {_sha256(path)}\n"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
