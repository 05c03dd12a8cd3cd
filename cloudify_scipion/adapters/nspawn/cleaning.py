"""What of a machine's changes must not get into a software layer: identity, secrets, caches, users' data.

Removing an entry from the changes brings the base's one back, so nothing that the system needs is lost.
"""

from __future__ import annotations

import errno
import fnmatch
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from cloudify_scipion.adapters.nspawn.beneath import folder, open_child
from cloudify_scipion.adapters.nspawn.tree import remove_entry

UNWANTED = (
    "etc/apt/auth.conf",
    "etc/apt/auth.conf.d/*",
    "etc/hostname",
    "etc/hosts",
    "etc/machine-id",
    "etc/mtab",
    "etc/pip.conf",
    "etc/resolv.conf",
    "etc/ssh/ssh_host_*",
    "home/*/.cache",
    "home/*/.config/pip",
    "home/*/.ssh",
    "home/*/.*_history",
    "home/*/ScipionUserData",
    "root/.bash_history",
    "root/.cache",
    "root/.config",
    "root/.pip",
    "root/.puppetlabs",
    "root/.ssh",
    "run/*",
    "tmp/*",
    "tmp/.*",
    "var/cache/apt/*",
    "var/cache/cloudify-scipion",
    "var/cache/puppet/*",
    "var/lib/apt/lists/*",
    "var/lib/dbus/machine-id",
    "var/lib/puppet/*",
    "var/lib/systemd/credential.secret",
    "var/lib/systemd/random-seed",
    "var/lib/systemd/timers/*",
    "var/log/*",
    "var/tmp/*",
    "var/tmp/.*",
)


def clean(upper: Path, seeds: Sequence[str]) -> None:
    """Remove from a stopped machine's changes whatever is unwanted, and its seed files."""
    with folder(upper) as opened:
        for pattern in (*UNWANTED, *(path.strip("/") for path in seeds)):
            _remove(opened, PurePosixPath(pattern).parts)


def _remove(opened: int, parts: Sequence[str]) -> None:
    names = fnmatch.filter(os.listdir(opened), parts[0])
    for name in names:
        if len(parts) == 1:
            remove_entry(opened, name)
            continue
        try:
            inner = open_child(opened, name)
        except OSError as error:
            # a file, or a symlink: what it points to is a path of its own, if it is unwanted at all
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                continue
            raise
        try:
            _remove(inner, parts[1:])
        finally:
            os.close(inner)
