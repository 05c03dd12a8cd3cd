"""A provider: where machines, their volumes and software layers are. All that differs between providers is asked here.

Every method looks before it acts: making what is there already, or removing what is gone, succeeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cloudify_scipion.lifecycle.facts import Endpoint, LayerFacts, MachineFacts, MachineSpec, VolumeFacts
from cloudify_scipion.lifecycle.record import Record

if TYPE_CHECKING:
    from cloudify_scipion.lifecycle.ports import Shell


class Machines(Protocol):
    """The machines of a provider."""

    def base_digest(self) -> str:
        """Digest of the recipe of the base system; part of every software layer's digest."""

    def look(self, name: str) -> MachineFacts:
        """Observe; never raises because the machine is absent or broken."""

    def create(self, spec: MachineSpec) -> bool:
        """Make the machine's disk (base and layer made if needed) without booting it. True if anything was made."""

    def start(self, spec: MachineSpec) -> bool:
        """Boot it, with its network and its ports at their addresses. True if that was not so already."""

    def stop(self, name: str) -> bool:
        """Shut it down cleanly, by force after a while. True if it was running."""

    def delete(self, name: str) -> bool:
        """Stop it and remove everything of it, never what is mounted in it. True if anything was there."""

    def capture_layer(self, spec: MachineSpec, digest: str, contents: Mapping[str, str], pins: str = "") -> bool:
        """Keep the machine's changes as the immutable layer `digest`, cleaned of identity and caches, with the text of
        its lock file; the machine is stopped for that, and stands on the layer afterwards.

        True if the layer was not there already.
        """


class Volumes(Protocol):
    """Disks that outlive machines.

    None is said to be gone, made or deleted while the place that holds them is not seen: PermanentError.
    """

    def look(self, name: str) -> VolumeFacts:
        """Observe."""

    def create(self, name: str, size_bytes: int, tags: Mapping[str, str]) -> bool:
        """Make it, with its mark, an empty working copy and no state of the agent. True if it was made.

        One that is there gets these tags, and nothing else.
        """

    def all(self) -> Mapping[str, VolumeFacts]:
        """Every volume that is there, by name."""

    def tag(self, name: str, tags: Mapping[str, str]) -> bool:
        """Replace its tags. True if they were others."""

    def seal(self, name: str) -> Mapping[str, Any]:
        """What stands in the seal that lies on the volume, attached or not; empty if there is none, or no volume.

        The volume is never made writable for it. Raises VolumeBusy, or PermanentError, where it cannot be read.
        """

    def unseal(self, name: str) -> bool:
        """Take away the seal that lies on an attached volume. True if there was one.

        Where only its machine could do so, nothing happens: the machine's own boot takes it away.
        """

    def attach(self, name: str) -> None:
        """Make it ready for its machine, which mounts folders of it when it starts."""

    def detach(self, name: str) -> bool:
        """Take it from its machine. True if it was attached. Raises VolumeBusy while something uses it."""

    def delete(self, name: str) -> bool:
        """Detach and remove it. The caller has made sure that this is allowed."""


class Layers(Protocol):
    """The cache of software layers."""

    def has(self, digest: str) -> bool:
        """Whether a complete layer of that digest is kept."""

    def list(self) -> Sequence[LayerFacts]:
        """All layers kept, oldest first."""

    def pins(self, digest: str) -> str:
        """The text of a layer's lock file, empty if it has none."""

    def missing(self, files: Mapping[str, str]) -> Sequence[str]:
        """Which of these files (KIND/NAME to SHA-256) the store does not have, by name."""

    def remove(self, digest: str) -> None:
        """Remove one. Raises PermanentError naming the machines that stand on it."""

    def clear(self) -> None:
        """Remove all layers, base systems and kept downloads. Raises PermanentError while any machine exists."""


class Access(Protocol):
    """How a machine reaches package mirrors while its software is installed."""

    def give(self, shell: Shell, folder: str, locked: bool = False) -> str:
        """Put settings into `folder` on the machine; return the file of variables for what downloads.

        With `locked` they name no mirror, but the files of a lock that the machine was given.
        """

    def index_name(self) -> str:
        """What the index of Python packages is called."""


class Provider(Protocol):
    """Where a site's machines run; the site file names it."""

    @property
    def machines(self) -> Machines:
        """Its machines."""

    @property
    def volumes(self) -> Volumes:
        """Its volumes."""

    @property
    def layers(self) -> Layers:
        """Its software layers."""

    @property
    def access(self) -> Access:
        """Its machines' way to package mirrors."""

    @property
    def fenced(self) -> bool:
        """Whether a project's earlier machine has surely ended before the next one begins."""

    @property
    def private(self) -> bool:
        """Whether only this computer reaches its machines' services: then a desktop needs no TLS."""

    def require_access(self) -> None:
        """Raise PermanentError, with what to do, if this process may not work with the provider.

        Asked whenever the provider is chosen for a project: what takes time is not asked here.
        """

    def reserve(self, record: Record, services: Sequence[str]) -> Mapping[str, int]:
        """Ports at which these services of the project's machine are to answer, kept in its record; none where each
        machine has an address of its own. Asked again, the same ones. Raises PermanentError if there are none left."""

    def endpoint(self, record: Record, service: str) -> Endpoint:
        """Where a service of the project's machine answers. Raises PermanentError when the project has no machine."""

    def remove_empty(self) -> bool:
        """Remove what it keeps in the state root for itself, if no machine, volume or layer is left. True if so."""
