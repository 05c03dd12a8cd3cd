"""A repository of Debian packages and an apt of the tests' own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FILES = Path(__file__).parents[3] / "puppet/modules/system/files"
PACKAGES = ("one", "two", "three")


def repository(folder: Path, names: Sequence[str] = PACKAGES) -> Path:
    """A flat repository with version 1.0 of each package, 100 kB large."""
    folder.mkdir()
    records = []
    for name in names:
        tree = folder.parent / f"tree-{name}"
        (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
        control = f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody\nDescription: a test's\n"
        (tree / "DEBIAN/control").write_text(control)
        (tree / "content").write_bytes(os.urandom(100_000))
        deb = folder / f"{name}_1.0_all.deb"
        subprocess.run(["dpkg-deb", "-b", str(tree), str(deb)], check=True, capture_output=True)
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        records.append(f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n")
    (folder / "Packages").write_text("\n".join(records))
    return folder


@dataclass
class OwnApt:
    """An apt that knows nothing of this host; `cloudify_fetching` runs with it as on a machine."""

    folder: Path
    patience: float = 1.0

    def sources(self, *lines: str) -> None:
        for part in ("lists/partial", "cache/archives/partial", "sources", "here"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        (self.folder / "sources/own.list").write_text("".join(f"deb [trusted=yes] {line}\n" for line in lines))
        settings = {
            "Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": f"{self.folder}/sources",
            "Dir::Etc::parts": "/dev/null", "Dir::State::lists": f"{self.folder}/lists",
            "Dir::State::status": f"{self.folder}/status",
            "Dir::Cache": f"{self.folder}/cache", "APT::Sandbox::User": "root", "Acquire::Languages": "none",
            "APT::Architecture": "amd64", "Debug::NoLocking": "1", "Acquire::http::Proxy": "DIRECT",
            "Acquire::Retries::Delay": "false",
        }  # fmt: skip
        (self.folder / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))

    @property
    def environment(self) -> dict[str, str]:
        own = {"APT_CONFIG": str(self.folder / "apt.conf"), "PYTHONPATH": str(FILES), "LC_ALL": "C.UTF-8"}
        own |= {"FETCHING_REPORT": str(self.folder / "report"), "FETCHING_PATIENCE": str(self.patience)}
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **own}

    def run(self, *words: str, code: int = 0) -> str:
        """cloudify_fetching; its output."""
        argv = [sys.executable, "-m", "cloudify_fetching", "--pause", "0", *words]
        done = subprocess.run(
            argv,
            env=self.environment,
            cwd=self.folder / "here",
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def here(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "here").iterdir())

    @property
    def reported(self) -> str:
        path = self.folder / "report"
        return path.read_text() if path.exists() else ""
