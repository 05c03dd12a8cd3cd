"""What every kind of data space answers about its mounts on the machine; a kind is a class below `SpaceMounts`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cloudify_scipion.errors import ScipionError
from cloudify_scipion.lifecycle.facts import FolderMount
from cloudify_scipion.lifecycle.ports import Shell
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.project.space_kinds.kind import DataSpace

Space = TypeVar("Space", bound=DataSpace)


@dataclass(frozen=True)
class SpaceFolder(Generic[Space]):
    """A folder `path` of a data space, seen on the machine at `target`."""

    space: Space
    path: str
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class SpaceMounts(Generic[Space]):
    """What a project mounts of the data spaces of one kind: `parts`, by names that are words.

    A kind overrides what is not as here: nothing to mount by, nothing to install, nothing to do.
    """

    record: Record
    parts: Mapping[str, SpaceFolder[Space]]

    KIND = CLASS = ""
    """What the site file calls it; the Puppet class, if there is one, of its client and mounts (with `install`)."""
    SYNCS_WHOLE = False
    """Whether it is a file system of the host, which the agent syncs as a whole instead of file by file."""
    GRANT = ""
    """Whose move it is, and what they do, where the agent finds that nothing may be written."""
    VERIFIES = False
    """Whether the project's folder is mounted a second time, so that a save is not proved from the writer's cache."""

    def folders(self) -> Sequence[FolderMount]:
        """What the machine's provider mounts, while the machine boots and only then."""
        return ()

    def software_data(self) -> Mapping[str, object]:
        """Hiera data of the software run, which installs the class; empty if nothing is to be installed."""
        return {}

    def project_data(self) -> Mapping[str, object]:
        """Hiera data of the project run, which mounts; empty if that is not done by the class. Nothing is secret."""
        return {}

    def prepare(self, shell: Shell, secrets: Mapping[str, str]) -> None:
        """Before the project run: bring onto the machine what is not in the data. `secrets` are values by name."""

    def error(self, shell: Shell) -> ScipionError | None:
        """After a run that failed, and where the agent finds a mount unwell: what keeps one from being there."""
        return None

    def mount_anew(self, shell: Shell, unwell: Collection[str] = ()) -> None:
        """Mount again, with the secrets that the machine has by now. What the provider mounts comes with a boot.

        `unwell`: the agent's lines on mounts, of any kind, each of which begins with the target and a blank; none for
        all mounts. Raises what keeps a mount from being there.
        """
