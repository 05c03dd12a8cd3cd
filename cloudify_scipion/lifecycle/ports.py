"""The small ports that the use cases work over; adapters and the tests' fakes implement them.

Every method looks before it acts: making what is there already, or removing what is gone, succeeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cloudify_scipion.catalogue.pins.file import Installed
from cloudify_scipion.lifecycle.facts import (
    CommandResult,
    Keys,
    LayerFacts,
    MachineFacts,
    MachineSpec,
    Place,
    PuppetResult,
    VolumeFacts,
)
from cloudify_scipion.lifecycle.record import Binding, Record


class Progress(Protocol):
    """Says in plain words what is being done."""

    def say(self, message: str) -> None:
        """Report one line."""

    def during(self, message: str) -> AbstractContextManager[None]:
        """Report `message` now, that it still goes on every 10 s or so, and how long it took at the end."""

    def waiting(self, what: str) -> None:
        """What the step that goes on waits for, such as a file of a mirror; empty if for nothing."""


class Shell(Protocol):
    """Commands on a machine, as root. Quoting is the port's affair: callers give a list of words."""

    def run(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60.0, expect: Sequence[int] = (0,)
    ) -> CommandResult:
        """Run and wait. Raises CommandFailed on an exit code outside `expect`, MachineUnreachable if SSH fails."""

    def stream(self, argv: Sequence[str], on_line: Callable[[str], None], timeout: float) -> CommandResult:
        """Run, handing every line of output to `on_line` as it comes. Only a failure of SSH itself is an error."""

    def wait_until_ready(self, deadline: float) -> None:
        """Return when SSH answers with the known host key; raise MachineUnreachable after `deadline` seconds."""


class Machines(Protocol):
    """Machines of one provider."""

    def base_digest(self) -> str:
        """Digest of the recipe of the base system; part of every software layer's digest."""

    def look(self, name: str) -> MachineFacts:
        """Observe; never raises because the machine is absent or broken."""

    def create(self, spec: MachineSpec) -> bool:
        """Make the machine's disk (base and layer made if needed) without booting it. True if anything was made."""

    def start(self, spec: MachineSpec) -> bool:
        """Boot it, give it its network and published ports. True if it was not all there already."""

    def stop(self, name: str) -> bool:
        """Shut it down cleanly, by force after a while. True if it was running."""

    def delete(self, name: str) -> bool:
        """Stop it and remove everything of it, never what is mounted in it. True if anything was there."""

    def capture_layer(self, spec: MachineSpec, digest: str, contents: Mapping[str, str], lock: str = "") -> bool:
        """Keep a stopped machine's changes as the immutable layer `digest`, cleaned of identity and caches, with the
        text of its lock file; the machine stands on that layer afterwards. True if the layer was not there already."""


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
        """Take away the seal that lies on an attached volume. True if there was one."""

    def attach(self, name: str) -> Path:
        """Mount it on the host below the volumes' own folder and return where."""

    def detach(self, name: str) -> bool:
        """Unmount it and free its loop device. Raises VolumeBusy while something uses it."""

    def delete(self, name: str) -> bool:
        """Detach and remove it. The caller has made sure that this is allowed."""


class DataFolders(Protocol):
    """Folders of the host that are data spaces of the kind directory."""

    def ensure(self, space: str, root: str, path: str, make: bool) -> Path:
        """The folder `path` of the data space `space`, absolute and without symlinks; with `make`, made if absent.

        `root` is where the data space lies, empty for a folder of our own. Raises PermanentError if the folder is not
        there, or a symlink is in the way.
        """


class Layers(Protocol):
    """The cache of software layers."""

    def has(self, digest: str) -> bool:
        """Whether a complete layer of that digest is kept."""

    def list(self) -> Sequence[LayerFacts]:
        """All layers kept, oldest first."""

    def lock(self, digest: str) -> str:
        """The text of a layer's lock file, empty if it has none."""

    def missing(self, files: Mapping[str, str]) -> Sequence[str]:
        """Which of these files (KIND/NAME to SHA-256) the store does not have, by name."""

    def remove(self, digest: str) -> None:
        """Remove one. Raises PermanentError naming the machines that stand on it."""

    def clear(self) -> None:
        """Remove all layers, base systems and kept downloads. Raises PermanentError while any machine exists."""


class Puppet(Protocol):
    """Applies the project's Puppet modules on a machine."""

    def modules_digest(self) -> str:
        """Digest of the contents of all our modules, part of every software layer's digest."""

    def apply(
        self,
        shell: Shell,
        run: str,
        classes: Sequence[str],
        data: Mapping[str, object],
        modules: Path | None = None,
        unless_known: bool = False,
    ) -> PuppetResult:
        """Apply `classes` with Hiera `data` as the run `software` (with access to mirrors), `locked` (the same, from
        the files of a lock that the machine was given, and from nothing else) or `project` (without either).

        `unless_known`: not where the same run ended well and what it managed looks as it did then.
        Raises PuppetFailed with resource, file and line, and message of each failure.
        """


class Inventory(Protocol):
    """Looks at what is installed on a machine."""

    def collect(self, shell: Shell, environments: Sequence[str], mirrors: Sequence[str], locked: bool) -> Installed:
        """All packages of Debian and of these virtual environments, and archives, with checksums and origins.

        `mirrors` are the names of the site's. `locked`: nothing outside the machine is asked, so origins are empty.
        """


class Projects(Protocol):
    """The project state folders of one installation."""

    def installation(self) -> str:
        """The installation's id, made at the first call."""

    def place(self) -> Place:
        """Where this installation's state is."""

    def load(self, project: str) -> Record | None:
        """The project's record, or None."""

    def save(self, record: Record) -> None:
        """Write it atomically."""

    def ids(self) -> Sequence[str]:
        """The id of every project that has a record, whether that can be read or not."""

    def all(self) -> Sequence[Record]:
        """Every record, by project id."""

    def of_deployment(self, binding: Binding) -> Sequence[Record]:
        """The records bound to a deployment; one that is damaged is passed over."""

    def forget(self, project: str) -> None:
        """Remove the project's state folder; of a record that was there, it stays known that it came to its end."""

    def was_ended(self, project: str, binding: Binding) -> bool:
        """Whether the last record of that project was of that deployment, and was forgotten here since."""

    def keep(self, project: str, name: str, text: str) -> None:
        """Keep a text beside the project's record, under the name of a file."""

    def kept(self, project: str, name: str) -> str:
        """A text that was kept, empty if there is none."""

    def hold_lock(self, project: str, purpose: str) -> None:
        """Hold the project's lock until this process ends. Raises ProjectBusy naming the holder."""

    def keys(self, project: str) -> Keys:
        """The project's SSH keys, made at the first call."""

    def choose_ports(self, project: str, names: Sequence[str], first: int, last: int) -> Mapping[str, int]:
        """Free ports on 127.0.0.1 between `first` and `last`, reserved for the project. Raises PermanentError."""


class Secrets(Protocol):
    """Secret values by name."""

    def get(self, name: str) -> str:
        """The value. Raises PermanentError naming the secret and where it was looked for."""


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """UTC, aware."""

    def monotonic(self) -> float:
        """Seconds, for durations."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class ConnectShell(Protocol):
    """Makes the shell of a project's machine."""

    def __call__(self, record: Record) -> Shell:
        """A shell that verifies the machine's host key."""


class Web(Protocol):
    """Questions to the desktop's gateway from outside the machine."""

    def answers(self, url: str, fingerprint: str) -> bool:
        """Whether `url`/health answers; with TLS only if its certificate has that SHA-256 fingerprint."""


@dataclass(frozen=True)
class Services:
    """All ports that the use cases need, wired once by an adapter."""

    projects: Projects
    machines: Machines
    volumes: Volumes
    folders: DataFolders
    layers: Layers
    puppet: Puppet
    inventory: Inventory
    secrets: Secrets
    clock: Clock
    progress: Progress
    connect: ConnectShell
    web: Web
