"""From a stopped machine's changes to a software layer, so that being killed at any point does no harm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cloudify_scipion.adapters.local.cleaning import clean
from cloudify_scipion.adapters.local.downloads import keep_downloads
from cloudify_scipion.adapters.local.folders import MachineFolder, MachineRecord
from cloudify_scipion.adapters.local.layers import LayerCache
from cloudify_scipion.adapters.local.tree import remove_tree
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
