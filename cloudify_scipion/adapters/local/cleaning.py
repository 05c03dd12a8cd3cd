"""What of a machine's changes must not get into a software layer: identity, secrets, caches, users' data.

Removing an entry from the changes brings the base's one back, so nothing that the system needs is lost.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from cloudify_scipion.adapters.local.beneath import folder, open_folder
from cloudify_scipion.adapters.local.tree import remove_entry

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
    "root/.config/pip",
    "root/.pip",
    "root/.puppetlabs",
    "root/.ssh",
    "run/*",
    "tmp/*",
    "tmp/.*",
    "var/cache/apt/**",
    "var/cache/cloudify-scipion",
    "var/cache/puppet/*",
    "var/lib/apt/lists/**",
    "var/lib/dbus/machine-id",
    "var/lib/puppet/*",
    "var/lib/systemd/credential.secret",
    "var/lib/systemd/random-seed",
    "var/lib/systemd/timers/*",
    "var/log/journal/*",
    "var/log/**",
    "var/tmp/*",
    "var/tmp/.*",
)
"""Patterns as in a shell; `**` is every file at any depth, while folders stay, because services want theirs."""


def clean(upper: Path, seeds: Sequence[str], targets: Sequence[str] = ()) -> None:
    """Remove from a stopped machine's changes whatever is unwanted, its seed files, and where things were mounted."""
    with folder(upper) as opened:
        for pattern in UNWANTED:
            _remove(opened, PurePosixPath(pattern).parts)
        for seed in seeds:
            _remove(opened, [glob.escape(part) for part in PurePosixPath(seed.strip("/")).parts])
        for target in targets:
            _unmake(opened, PurePosixPath(target.strip("/")).parts)


def _unmake(opened: int, parts: Sequence[str]) -> None:
    """Remove a mount point, and above it the folders that were made for it: their names may be the project's.

    Those are root's; a home that the software's installation has given to its user stays.
    """
    name = parts[0]
    if name not in os.listdir(opened):
        return
    facts = os.lstat(name, dir_fd=opened)
    if len(parts) == 1:
        remove_entry(opened, name)
    elif stat.S_ISDIR(facts.st_mode):
        with open_folder(opened, name) as inner:
            _unmake(inner, parts[1:])
        if facts.st_uid == 0:
            with suppress(OSError):  # something else is in it
                os.rmdir(name, dir_fd=opened)


def _remove(opened: int, parts: Sequence[str]) -> None:
    every = parts[0] == "**"
    for name in os.listdir(opened):
        if not every and not fnmatch.fnmatchcase(name, parts[0]):
            continue
        is_folder = stat.S_ISDIR(os.lstat(name, dir_fd=opened).st_mode)
        if is_folder and (every or len(parts) > 1):
            with open_folder(opened, name) as inner:
                _remove(inner, parts if every else parts[1:])
        elif len(parts) == 1:
            # a symlink as well: what it points to is a path of its own, if it is unwanted at all
            remove_entry(opened, name)
