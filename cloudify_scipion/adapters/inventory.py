"""What is installed on a machine: asked of its own dpkg, apt and pip over SSH, once its software is complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cloudify_scipion.catalogue.pins import parse as read
from cloudify_scipion.catalogue.pins.file import Installed, PythonPackage
from cloudify_scipion.lifecycle.layout import DOWNLOADS, FETCHING
from cloudify_scipion.lifecycle.ports import Progress, Shell
from cloudify_scipion.lifecycle.provider import Access

FOLDER = "/run/cloudify-scipion/inventory"
_SECONDS = 600.0


class InventoryOverSsh:
    """Implements the port Inventory."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def collect(
        self, shell: Shell, access: Access, environments: Sequence[str], mirrors: Sequence[str], locked: bool
    ) -> Installed:
        """Names and versions from dpkg and pip, checksums from kept downloads, origins from apt's lists."""
        with self._progress.during("writing down what is installed"):
            sums = read.parse_sums(shell.run(_SUMS, timeout=_SECONDS).stdout)
            found = read.parse_dpkg(shell.run(["dpkg-query", "-W", "-f", read.DPKG_FORMAT]).stdout)
            index = access.index_name()
            python = [one for folder in environments for one in _python(shell, folder, sums, index)]
            versions = {**read.kept_debs(sums), **{one.name: one.version for one in found}}
            origins, shown = ({}, {}) if locked else _apt(shell, access, versions)
            apt = read.apt_packages(found, sums, origins, shown)
            return Installed(apt, tuple(python), read.archives(sums, " or ".join(mirrors)))


_SUMS = ["find", DOWNLOADS, "-type", "f", "-not", "-path", f"{DOWNLOADS}/locked/*", "-exec", "sha256sum", "{}", "+"]


def _apt(
    shell: Shell, access: Access, versions: Mapping[str, str]
) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """Origins and checksums, as far as apt's sources of this hour have the installed versions."""
    environment = access.give(shell, FOLDER)

    def ask(*argv: str) -> str:
        told = ["sh", "-c", 'set -a; . "$0"; exec "$@"', environment, *argv]
        return shell.run(told, timeout=_SECONDS, expect=(0, 1, 100)).stdout

    try:
        ask("env", f"PYTHONPATH={FETCHING}", "python3", "-B", "-m", "cloudify_fetching", "update")
        releases = read.parse_releases(ask("apt-cache", "policy"))
        origins = read.parse_origins(ask("apt-cache", "policy", *versions), releases, versions)
        return origins, read.parse_shown(ask("apt-cache", "show", *versions))
    finally:
        shell.run(["rm", "-rf", FOLDER])


def _python(shell: Shell, environment: str, sums: dict[str, str], index: str) -> Sequence[PythonPackage]:
    argv = [f"{environment}/bin/python", "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"]
    return read.python_packages(environment, shell.run(argv, timeout=_SECONDS).stdout, sums, index)
