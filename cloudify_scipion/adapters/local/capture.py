"""From a stopped machine's changes to a clean software layer, so that being killed at any point does no harm."""

from __future__ import annotations

import fnmatch
import glob
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from cloudify_scipion.adapters.local.folders import MachineFolder, MachineRecord
from cloudify_scipion.adapters.local.layers import LayerCache
from cloudify_scipion.adapters.local.store import keep_downloads
from cloudify_scipion.adapters.local.tree import folder, open_folder, remove_entry, remove_tree
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.facts import MachineSpec
from cloudify_scipion.lifecycle.ports import Progress

_DISCARDED = "discarded"
"""Changes that an existing layer makes unnecessary."""


class Capture:
    """Moves changes into the cache. The caller holds the layers' lock, and the machine is stopped and unmounted.

    The record says first which layer the changes are about to become. Then they are cleaned where they are, moved to
    the cache in one step, and the layer is completed. Whoever finds the record later sees from where the changes are
    what to do: not moved yet, the machine goes on without a layer; moved, it stands on the layer.
    """

    def __init__(self, store: Path, layers: LayerCache, progress: Progress) -> None:
        self._store = store
        self._layers = layers
        self._progress = progress

    def run(
        self, machine: MachineFolder, spec: MachineSpec, digest: str, contents: Mapping[str, str], pins: str
    ) -> bool:
        """Make the layer, or adopt the one that is there. True if it was made."""
        record = self.recover(machine)
        if record.layer == digest:
            return False
        if record.layer is not None:
            raise PermanentError(
                f"machine {machine.name} already stands on layer {record.layer[:12]}", "make it again without a layer"
            )
        downloads = keep_downloads(machine.downloads, self._store, machine.path / "downloads.json")
        self._layers.finish(digest)
        made = not self._layers.has(digest)
        machine.write(replace(record, capturing=digest))
        if made:
            with self._progress.during("keeping the installed software for the next project"):
                targets = [mount.target for mount in spec.mounts] + [folder.target for folder in spec.folders]
                clean(machine.upper, [seed.path for seed in spec.seed], targets)
                self._layers.store(machine.upper, digest, record.base, contents, downloads, pins)
        else:
            machine.upper.rename(machine.path / _DISCARDED)
        self.recover(machine)
        return made

    def recover(self, machine: MachineFolder) -> MachineRecord:
        """Finish, or take back, a capture that was broken off. PermanentError if there is no such machine."""
        record = machine.whole()
        if record is None:
            raise PermanentError(f"machine {machine.name} does not exist", "install again")
        if record.capturing is not None:
            record = replace(record, layer=self._layer_after(machine, record, record.capturing), capturing=None)
            machine.write(record)
        remove_tree(machine.path / _DISCARDED)
        machine.make_folders()
        return record

    def _layer_after(self, machine: MachineFolder, record: MachineRecord, digest: str) -> str | None:
        if machine.upper.is_dir():
            return record.layer
        self._layers.finish(digest)
        if not self._layers.has(digest):
            raise PermanentError(f"the disk of machine {machine.name} is gone", "uninstall, then install again")
        return digest


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
