"""The small ports that the use cases work over; adapters and the tests' fakes implement them.

Every method looks before it acts: making what is there already, or removing what is gone, succeeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cloudify_scipion.catalogue.pins.file import Installed
from cloudify_scipion.lifecycle.facts import CommandResult, Keys, Place, PuppetResult
from cloudify_scipion.lifecycle.provider import Access, Provider
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


class Puppet(Protocol):
    """Applies the project's Puppet modules on a machine."""

    def modules_digest(self) -> str:
        """Digest of the contents of all our modules, part of every software layer's digest."""

    def apply(
        self,
        shell: Shell,
        access: Access,
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

    def collect(
        self, shell: Shell, access: Access, environments: Sequence[str], mirrors: Sequence[str], locked: bool
    ) -> Installed:
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

    def readable(self) -> Iterator[Record]:
        """Every record but damaged ones."""

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


class ChooseProvider(Protocol):
    """Finds a site's provider."""

    def __call__(self, site: Mapping[str, Any]) -> Provider:
        """The provider of a checked site document; an empty one has the default. PermanentError for an unknown one."""


class Web(Protocol):
    """Questions to the desktop's gateway from outside the machine."""

    def answers(self, url: str, fingerprint: str) -> bool:
        """Whether `url`/health answers; with TLS only if its certificate has that SHA-256 fingerprint."""


@dataclass(frozen=True)
class Services:
    """All ports that the use cases need, wired once by an adapter; the provider is chosen when it is used."""

    projects: Projects
    provider: ChooseProvider
    puppet: Puppet
    inventory: Inventory
    secrets: Secrets
    clock: Clock
    progress: Progress
    connect: ConnectShell
    web: Web

    def of(self, record: Record) -> Provider:
        """The provider that a project's machine and volume are of. Raises PermanentError as `at` does."""
        return self.at(record.settings.get("site", {}))

    def at(self, site: Mapping[str, Any]) -> Provider:
        """A site's provider. Raises PermanentError, with what to do, if this process may not work with it."""
        provider = self.provider(site)
        provider.require_access()
        return provider

    def sites(self) -> Sequence[Mapping[str, Any]]:
        """The sites of all projects, and an empty one, which stands for the default provider."""
        found = [{}, *(record.settings.get("site", {}) for record in self.projects.readable())]
        return [site for number, site in enumerate(found) if site not in found[:number]]
