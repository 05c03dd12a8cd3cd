"""How a machine reaches the host's package mirrors while its software is installed.

The host's sources of Debian (its other repositories are none of a machine's business), proxies, pip index and CA
certificates are copied into a folder on the machine's tmpfs and named by environment variables: they are gone after
the run and never part of a software layer. They may hold a mirror's credentials, so they travel over SSH's standard
input and no log shows them.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from cloudify_scipion.adapters.commands import run
from cloudify_scipion.adapters.local.aptsources import debian_sources, host_source_files
from cloudify_scipion.adapters.local.recipe import SUITE
from cloudify_scipion.adapters.tarball import pack, unpack_on
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.layout import DOWNLOADS
from cloudify_scipion.lifecycle.ports import Shell

LOCKED = f"{DOWNLOADS}/locked"
"""Where a machine that is installed from a lock file finds that lock's .debs."""
CA_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
PIP_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "timeout", "retries", "proxy")
APT_KEPT = ("Acquire::http", "Acquire::https", "Acquire::Retries", "Acquire::Check-", "Acquire::ForceIPv4")
PATIENCE = "CLOUDIFY_SCIPION_PATIENCE"
"""Seconds without anything from a mirror after which it is given up, if this host's environment says so."""
_PYPI = "https://pypi.org/"
_KEYRING = re.compile(r"(?:signed-by=|^Signed-By:\s*)(/[^\s\],]+)", re.MULTILINE)


class Access:
    """Collects the host's settings below `root` (the host's file system) and hands them to machines."""

    def __init__(self, root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> None:
        self._root = root
        self._environment = environment

    def give(self, shell: Shell, folder: str, locked: bool = False) -> str:
        """Put the settings into `folder` on the machine; return the file of variables for what downloads.

        With `locked` they name no mirror and no index, but the files of a lock that the machine was given.
        """
        unpack_on(shell, folder, pack(self._locked_files(folder) if locked else self._files(folder)))
        shell.run(["install", "-d", "-m", "0755", f"{folder}/lists/partial", f"{DOWNLOADS}/apt/archives/partial"])
        return f"{folder}/environment"

    def index_name(self) -> str:
        """What the index of Python packages is called: PyPI, or that of this host's own settings."""
        options = dict(line.split(" = ", 1) for line in self._pip_configuration().splitlines() if " = " in line)
        is_pypi = options.get("index-url", _PYPI).startswith(_PYPI) and "extra-index-url" not in options
        return "PyPI" if is_pypi else "the host's index"

    def _locked_files(self, folder: str) -> dict[str, bytes]:
        variables = {"APT_CONFIG": f"{folder}/apt.conf", "PIP_CONFIG_FILE": f"{folder}/pip.conf"}
        return {
            # Trusted, because each file's SHA-256 was compared with the lock's when the machine was given it.
            "sources/locked.list": f"deb [trusted=yes] file:{LOCKED} ./\n".encode(),
            "apt.conf": apt_configuration(folder, []).encode(),
            "pip.conf": b"[global]\nno-index = true\n",
            "environment": "".join(f"{name}={value}\n" for name, value in variables.items()).encode(),
        }

    def _variables(self, folder: str) -> str:
        # A proxy's address may hold a password: the variables go into a file, not onto a command line.
        variables = {"APT_CONFIG": f"{folder}/apt.conf", "PIP_CONFIG_FILE": f"{folder}/pip.conf"}
        variables |= dict.fromkeys(CA_VARIABLES, f"{folder}/ca.pem")
        variables |= {name: self._environment[name] for name in PROXIES if name in self._environment}
        if patience := self._environment.get(PATIENCE):
            variables["FETCHING_PATIENCE"] = patience
        return "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())

    def _files(self, folder: str) -> dict[str, bytes]:
        files = self._apt_sources(folder)
        files |= {f"auth/{path.name}": path.read_bytes() for path in self._apt_auth()}
        files["apt.conf"] = apt_configuration(folder, self._apt_settings()).encode()
        files["pip.conf"] = self._pip_configuration().encode()
        files["environment"] = self._variables(folder).encode()
        files["ca.pem"] = self._ca_bundle()
        return files

    def _apt_sources(self, folder: str) -> dict[str, bytes]:
        """Sources in one style or both, and the keyrings of the host that they name."""
        files = {}
        for text in debian_sources(host_source_files(self._root / "etc/apt"), SUITE):
            for keyring in set(_KEYRING.findall(text)):
                path = self._root / keyring.lstrip("/")
                if path.is_file():  # otherwise it is one that every Debian has, or apt says that it is missing
                    files[f"keyrings/{path.name}"] = path.read_bytes()
                    text = text.replace(keyring, f"{folder}/keyrings/{path.name}")
            files[f"sources/debian.{'list' if text.startswith('deb') else 'sources'}"] = text.encode()
        return files

    def _apt_auth(self) -> list[Path]:
        etc = self._root / "etc/apt"
        return sorted(path for path in [etc / "auth.conf", *(etc / "auth.conf.d").glob("*.conf")] if path.is_file())

    def _apt_settings(self) -> list[str]:
        lines = run(["apt-config", "dump"]).stdout.splitlines()
        return [line for line in lines if line.startswith(APT_KEPT)]

    def _pip_configuration(self) -> str:
        parser = configparser.RawConfigParser()
        home = Path(self._environment.get("HOME", "/root"))
        named = [self._environment["PIP_CONFIG_FILE"]] if self._environment.get("PIP_CONFIG_FILE") else []
        parser.read([self._root / "etc/pip.conf", home / ".pip/pip.conf", home / ".config/pip/pip.conf", *named])
        options = dict(parser["global"]) if parser.has_section("global") else {}
        kept = {name: _reachable(options[name]) for name in PIP_OPTIONS if name in options}
        for name in PIP_OPTIONS:
            value = self._environment.get("PIP_" + name.upper().replace("-", "_"))
            if value:
                kept[name] = _reachable(value)
        return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in sorted(kept.items()) if value)

    def _ca_bundle(self) -> bytes:
        named = next((self._environment[name] for name in CA_VARIABLES if self._environment.get(name)), "")
        path = Path(named) if named else self._root / "etc/ssl/certs/ca-certificates.crt"
        try:
            return path.read_bytes()
        except OSError as error:
            what = f"the certificates of authorities that this host trusts cannot be read: {error}"
            raise PermanentError(what, "apt-get install --no-install-recommends ca-certificates") from error


def apt_configuration(folder: str, settings: list[str]) -> str:
    """apt.conf that reads everything of the host from `folder` and keeps downloads for the store."""
    return "\n".join(
        [
            *settings,
            'Dir::Etc::sourcelist "/dev/null";',
            f'Dir::Etc::sourceparts "{folder}/sources";',
            f'Dir::Etc::netrcparts "{folder}/auth";',
            f'Dir::State::lists "{folder}/lists";',
            f'Dir::Cache::archives "{DOWNLOADS}/apt/archives";',
            'APT::Keep-Downloaded-Packages "true";',
            'APT::Sandbox::User "root";',
            # Safe: the layer is taken after a clean stop, and a machine that crashes before is made again.
            'Dpkg::Options {"--force-unsafe-io";};',
            'Acquire::Languages "none";',
            f'Acquire::https::CAInfo "{folder}/ca.pem";',
            "",
        ]
    )


def _reachable(value: str) -> str:
    """Only what a machine can reach: folders of the host are left out."""
    return " ".join(word for word in value.split() if not word.startswith(("file:", "/")))
