"""What the base system is made of; its digest names the base, and is part of every software layer's digest."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

SUITE = "bookworm"
PACKAGES = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "openssh-server",
    "procps",
    "puppet-agent",
    "puppet-module-puppetlabs-stdlib",
    "python3",
    "systemd",
    "systemd-sysv",
)
DPKG = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
    "path-exclude=/usr/share/lintian/*",
    # a machine that was cut off during apt is made again, so its packages need not survive that
    "force-unsafe-io",
)
APT = ('APT::Install-Recommends "false";', 'Acquire::Languages "none";', 'Acquire::Retries "3";')
FILES: Mapping[str, str] = {
    "/etc/apt/apt.conf.d/90cloudify-scipion": "\n".join((*APT, "")),
    "/etc/default/locale": "LANG=C.UTF-8\n",
    # for this fact Puppet would read every lens of Augeas, which takes a second of every run
    "/etc/facter/facter.conf": 'facts : { blocklist : [ "augeas" ] }\n',
    "/etc/machine-id": "",
    "/etc/systemd/journald.conf.d/cloudify-scipion.conf": "[Journal]\nSystemMaxUse=64M\n",
    "/etc/ssh/sshd_config.d/cloudify-scipion.conf": (
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\nUseDNS no\n"
    ),
}
MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "puppet.service",
)
REMOVED = (
    "/etc/apt/apt.conf.d/99mmdebstrap",
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d/*",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/etc/ssh/ssh_host_*",
    "/usr/sbin/policy-rc.d",
    "/var/cache/apt/*",
    "/var/cache/debconf/*-old",
    "/var/lib/apt/lists/*",
    "/var/lib/dbus/machine-id",
    "/var/log/*.log",
    "/var/log/apt/*",
)


@dataclass(frozen=True)
class Recipe:
    """Everything that goes into a base. Raise `version` when the way it is made changes."""

    version: int = 1
    suite: str = SUITE
    architecture: str = field(default_factory=platform.machine)
    packages: tuple[str, ...] = PACKAGES
    dpkg: tuple[str, ...] = DPKG
    apt: tuple[str, ...] = APT
    files: Mapping[str, str] = field(default_factory=lambda: dict(FILES))
    masked: tuple[str, ...] = MASKED
    removed: tuple[str, ...] = REMOVED

    def digest(self) -> str:
        """SHA-256 over the whole recipe, in hex."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
