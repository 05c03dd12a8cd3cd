"""Debian packages: which are installed, which apt knows, and files of one that is not to be installed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cloudify_fetching.apt import MESSAGES, RETRIES, Apt, apt_folder, asked, versions

FORMAT = "${Package} ${db:Status-Status} ${Version}\n"
STAMP = "VERSION"
"""File of an unpacked folder that names the package's version."""


def are_installed(wanted: Sequence[str]) -> bool:
    """Whether all are there: NAME in any version, NAME=VERSION in that one."""
    pairs = [one.partition("=") for one in wanted]
    lines = asked(["dpkg-query", "--show", f"--showformat={FORMAT}", *(name for name, _, _ in pairs)])
    there = {tuple(line.split(" ")) for line in lines}
    names = {(name, state) for name, state, _ in there}
    return all(
        (name, "installed", version) in there if exact else (name, "installed") in names
        for name, exact, version in pairs
    )


def is_known(package: str) -> bool:
    """Whether NAME=VERSION is installed, or in apt's lists."""
    name, _, version = package.partition("=")
    return are_installed([package]) or version in versions(name)


def lists_of(source: Path) -> list[str]:
    """The command that fetches the lists of one file of sources alone, and leaves all others as they are."""
    settings = [f"Acquire::Retries={RETRIES}", "APT::Get::List-Cleanup=0", "APT::Update::Error-Mode=any"]
    settings += [f"Dir::Etc::sourcelist={source}", "Dir::Etc::sourceparts=/dev/null"]
    return ["apt-get", "update", "-q", *MESSAGES, *(word for setting in settings for word in ("-o", setting))]


def add_source(source: Path) -> None:
    """Put a file of sources where apt reads them: APT_CONFIG may have told it to do so elsewhere."""
    known = apt_folder("Dir::Etc::sourceparts/d") / source.name
    if not known.exists() or not known.samefile(source):
        shutil.copy(source, known)


def unpack(apt: Apt, package: str, folder: Path, paths: Sequence[str]) -> int:
    """Make `folder` of these paths in a package, NAME=VERSION; it is there complete, or as it was. The exit code.

    The package itself is kept beside those that apt has installed.
    """
    with tempfile.TemporaryDirectory() as here, contextlib.chdir(here):
        if code := apt.download([package]):
            return code
        (file,) = Path(here).glob("*.deb")
        kept = apt_folder("Dir::Cache::archives/d")
        if kept.is_dir():
            shutil.copy(file, kept)
        subprocess.run(["dpkg-deb", "--extract", str(file), "tree"], check=True)
        fresh = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o755)
        for path in paths:
            _copy(Path("tree", path), fresh)
        (fresh / STAMP).write_text(package.partition("=")[2] + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    return 0


def _copy(path: Path, folder: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, folder / path.name, symlinks=True)
    else:
        shutil.copy(path, folder)
