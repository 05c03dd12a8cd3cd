"""Directories on the machine: its provider mounts them while it boots; a lost mount comes back by a boot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloudify_scipion.lifecycle.facts import FolderMount
from cloudify_scipion.lifecycle.space_kinds.kind import SpaceMounts
from cloudify_scipion.project.space_kinds.directory import Directory


@dataclass(frozen=True)
class DirectoryMounts(SpaceMounts[Directory]):
    """Folders that the machine's provider holds; the project's own is made."""

    KIND, SYNCS_WHOLE = Directory.KIND, True
    GRANT = "the operator makes the site's folder writable for root of the host, and repairs the project"

    def folders(self) -> Sequence[FolderMount]:
        """Each of them."""
        mounts = self.parts.values()
        return [FolderMount(one.space.name, one.space.root, one.path, one.target, one.read_only) for one in mounts]
