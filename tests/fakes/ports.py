"""Small ports in memory: time that passes only when somebody sleeps, lines said, secrets, the web, Puppet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from cloudify_scipion.catalogue.pins.file import AptPackage, Installed, PythonPackage
from cloudify_scipion.errors import PermanentError, PuppetFailed, ScipionError
from cloudify_scipion.lifecycle.facts import PuppetResult, ResourceResult
from cloudify_scipion.lifecycle.layout import AGENT_COMMAND
from cloudify_scipion.lifecycle.ports import Shell
from cloudify_scipion.lifecycle.provider import Access
from tests.fakes.agent import CONFIG
from tests.fakes.host import APPLIED, GIVEN, FakeHost
from tests.fakes.inside import GATEWAY, FakeShell

RELION = "/var/lib/dpkg/relion"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class FakeClock:
    """The port Clock. `later` holds what happens at which second."""

    seconds: float = 0.0
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        for entry in [entry for entry in self.later if entry[0] <= self.seconds]:
            self.later.remove(entry)
            entry[1]()


@dataclass
class FakeProgress:
    """The port Progress; everything said stays in `lines`."""

    lines: list[str] = field(default_factory=list)

    def say(self, message: str) -> None:
        self.lines.append(message)

    @contextmanager
    def during(self, message: str) -> Iterator[None]:
        self.lines.append(f"{message} ...")
        yield

    def waiting(self, what: str) -> None:
        self.lines.append(f"waiting for {what}")

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass
class FakeSecrets:
    """The port Secrets; remembers who asked for what."""

    values: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def get(self, name: str) -> str:
        self.asked.append(name)
        if name not in self.values:
            raise PermanentError(f"secret '{name}' is not known", "put it into the store")
        return self.values[name]


@dataclass
class FakeWeb:
    """The port Web: the gateway of whichever running machine publishes the port. `mute` gateways never answer."""

    host: FakeHost
    mute: bool = False

    def answers(self, url: str, fingerprint: str) -> bool:
        parts = urlsplit(url)
        for disk in self.host.alive():
            if disk.network and disk.ports.get(6080) == parts.port and GATEWAY in disk.units and not self.mute:
                wanted = disk.files.get("/etc/cloudify-desktop/fingerprint", b"").decode()
                return wanted == fingerprint if parts.scheme == "https" else not wanted
        return False


@dataclass
class FakeInventory:
    """The port Inventory: a package of the base, RELION, and a wheel; what is downloaded is in the store afterwards."""

    host: FakeHost

    def collect(
        self, shell: Shell, access: Access, environments: Sequence[str], mirrors: Sequence[str], locked: bool
    ) -> Installed:
        assert isinstance(shell, FakeShell)
        version = shell.files()[RELION].decode()
        base = AptPackage("libc6", "2.36", "amd64", "" if locked else "Debian/stable")
        deb = AptPackage("relion", version, "amd64")
        wheel = PythonPackage(environments[0], "scipion-pyworkflow", "3.8.3")
        if not locked:
            digest = sha256(version.encode()).hexdigest()
            deb = replace(deb, origin="Debian/stable", sha256=digest, file=f"relion_{version}_amd64.deb")
            wheel = replace(wheel, origin="PyPI", sha256="2" * 64, file="scipion_pyworkflow-3.8.3-py3-none-any.whl")
            self.host.store |= {f"debs/{deb.file}": deb.sha256, f"wheels/{wheel.file}": wheel.sha256}
        return Installed((base, deb), (wheel,))


@dataclass(frozen=True)
class Run:
    """One Puppet run as it was asked for."""

    run: str
    classes: tuple[str, ...]
    data: Mapping[str, object]
    modules: tuple[str, ...] = ()


@dataclass
class FakePuppet:
    """The port Puppet: a run leaves one file per kind on the machine. `errors` are raised, one per run, in turn."""

    digest: str = "m" * 64
    runs: list[Run] = field(default_factory=list)
    errors: list[ScipionError] = field(default_factory=list)
    failing: dict[str, ResourceResult] = field(default_factory=dict)

    def modules_digest(self) -> str:
        return self.digest

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
        assert isinstance(shell, FakeShell)
        disk = shell.disk()
        sent = tuple(sorted(str(path.relative_to(modules)) for path in modules.rglob("*.pp"))) if modules else ()
        told = json.dumps([list(classes), data], sort_keys=True)
        mark = {f"{APPLIED}/{run}-{'-'.join(classes)}": f"{self.digest} {sent} {told}".encode()}
        if unless_known and mark.items() <= shell.files().items():
            return PuppetResult([], 0.0, known=True)
        if self.errors or run in self.failing:
            disk.files |= dict.fromkeys(mark, b"")
        self.runs.append(Run(run, tuple(classes), json.loads(json.dumps(data)), sent))
        if self.errors:
            raise self.errors.pop(0)
        if run in self.failing:
            bad = self.failing[run]
            raise PuppetFailed(f"Puppet's {run} run failed:\n  {bad.resource} ({bad.file}:{bad.line}): {bad.message}")
        kind = f"{run}-data" if run == "project" and "working_copy" in classes else run
        wanted = {f"/etc/puppet-{kind}": sha256(told.encode()).hexdigest().encode()}
        if "working_copy" in classes:
            wanted |= self._agent(run, data)
        if RELION not in shell.files() and run != "project" and "em_package" in classes:
            wanted[RELION] = self._relion(shell, run)
        if run != "project" and "scipion" in classes:
            wanted |= {"/opt/scipion/bin/scipion": b"", "/opt/scipion/bin/scipion-workflow": b""}
        elif data.get("desktop::tls") and "/etc/cloudify-desktop/tls/cert.pem" not in disk.files:
            wanted["/etc/cloudify-desktop/fingerprint"] = b"AB:CD"
        have = shell.files()
        changed = {path: content for path, content in wanted.items() if have.get(path) != content}
        disk.files |= {**changed, **{path: content for path, content in mark.items() if have.get(path) != content}}
        return PuppetResult([ResourceResult(f"File[{path}]", "changed") for path in changed], 1.0)

    def _agent(self, run: str, data: Mapping[str, object]) -> dict[str, bytes]:
        """The agent, and in the project run its configuration, as the module writes it."""
        if run != "project":
            return {AGENT_COMMAND: b""}
        known = {name.removeprefix("working_copy::"): value for name, value in data.items() if name.startswith("w")}
        return {AGENT_COMMAND: b"", CONFIG: json.dumps(known, sort_keys=True).encode()}

    def _relion(self, shell: FakeShell, run: str) -> bytes:
        """The version that apt installs: the index's default, or the only one of the lock."""
        if run == "software":
            return shell.host.default.encode()
        given = [name for name in json.loads(shell.files().get(GIVEN, b"[]")) if name.startswith("debs/relion_")]
        if not given:
            raise PuppetFailed("E: Unable to locate package relion")
        return given[0].split("_")[1].encode()
