"""The inside of a fake machine: the commands that the use cases run, on files and units that stay."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from cloudify_scipion.errors import CommandFailed, MachineUnreachable
from cloudify_scipion.lifecycle.facts import CommandResult
from cloudify_scipion.lifecycle.layout import (
    AGENT_COMMAND,
    DESKTOP_LINK,
    DESKTOP_UNITS,
    QUIESCE,
    REOPEN_TIMER,
    REOPEN_UNITS,
    SEAL,
    TARGET,
    WHOLE,
    WORKFLOW_TOOL,
)
from cloudify_scipion.lifecycle.record import Record
from tests.fakes.agent import CONFIG, FakeAgent
from tests.fakes.host import Disk, FakeHost, Work

LINKS = "/run/cloudify-desktop/links"
WITH = {"cloudify-desktop-session": "cloudify-desktop-helper"}  # units that come and go with another

GATEWAY = DESKTOP_UNITS[-1]
SCIPION = "/opt/scipion/bin/scipion"


class Time(Protocol):
    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


@dataclass
class Workflows:
    """How protocols behave: seconds that each takes, errors by label, classes that Scipion does not know."""

    seconds: float = 3.0
    errors: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    by_hand: set[str] = field(default_factory=set)
    """Labels of steps that a person must finish: the unit waits for that."""
    ends_after: int = 1000
    """The unit dies after that many protocols, as when memory runs out."""


@dataclass
class FakeShell:
    """The port Shell. `sent` holds every command with its standard input; `broken` commands fail with that text."""

    host: FakeHost
    clock: Time
    workflows: Workflows
    record: Record
    login_public: str
    sent: list[tuple[tuple[str, ...], bytes]]
    broken: dict[str, str]

    def disk(self) -> Disk:
        disk = self.host.machines.get(self.record.machine) or self.host.folderless.get(self.record.machine)
        reachable = disk and disk.running and disk.network and disk.ports.get(22) == self.record.ports.get("ssh")
        if disk is None or not reachable:
            raise MachineUnreachable(f"SSH to {self.record.machine} failed: Connection refused")
        if disk.files["/root/.ssh/authorized_keys"].decode().strip() != self.login_public:
            raise MachineUnreachable(f"SSH to {self.record.machine} failed: Permission denied")
        return disk

    def files(self) -> dict[str, bytes]:
        """What can be seen on the machine: its own files over those of its layer."""
        disk = self.disk()
        below = self.host.layers[disk.layer].files if disk.layer in self.host.layers else {}
        return {**below, **disk.files}

    def run(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60.0, expect: Sequence[int] = (0,)
    ) -> CommandResult:
        self.disk()
        self.sent.append((tuple(argv), stdin or b""))
        result = self._answer(list(argv), stdin or b"")
        if result.code not in expect:
            raise CommandFailed(f"{argv[0]} failed", result.code, result.stderr or result.stdout)
        return result

    def stream(self, argv: Sequence[str], on_line: Callable[[str], None], timeout: float) -> CommandResult:
        result = self.run(argv, timeout=timeout, expect=range(255))
        for line in result.stdout.splitlines():
            on_line(line)
        return result

    def wait_until_ready(self, deadline: float) -> None:
        self.disk()

    def _answer(self, argv: list[str], stdin: bytes) -> CommandResult:
        if argv[:3] == ["runuser", "-u", "scipion"]:
            argv = argv[4:]
        if text := self.broken.get(argv[0]):
            return CommandResult(1, "", text)
        if argv[0].startswith("/opt/") and argv[0] not in self.files():
            return CommandResult(127, "", f"{argv[0]}: not found")
        if argv[0] in (AGENT_COMMAND, QUIESCE) and AGENT_COMMAND not in self.files():
            return CommandResult(127, "", f"{argv[0]}: not found")
        if argv[0] == "install":
            return self._install(argv[-1], stdin) if argv[-2] == "/dev/stdin" else CommandResult(0, "", "")
        if argv[0] == "tee":
            return self._install(argv[-1], stdin)
        answers = {
            "systemctl": self._systemctl, WORKFLOW_TOOL: self._workflow, DESKTOP_LINK: self._link,
            AGENT_COMMAND: self._agent,
            "mount": self._mount, "findmnt": self._findmnt, "cat": self._cat, "find": self._find,
            "rm": self._rm, "df": self._df,
        }  # fmt: skip
        if argv[0] in answers:
            return answers[argv[0]](argv[1:])
        known = {
            "journalctl": "starting\nKilled: out of memory\n",
            SCIPION: "3.8.3\n",
            "true": "",
            QUIESCE: "",
            "sh": "",
        }
        return CommandResult(0, known[argv[0]], "")

    def _install(self, path: str, content: bytes) -> CommandResult:
        if path.startswith(f"{TARGET}/"):
            if self.disk().read_only:
                return CommandResult(1, "", f"{path}: Read-only file system")
            self._data()[path.removeprefix(f"{TARGET}/")] = content
        else:
            self.disk().files[path] = content
        return CommandResult(0, "", "")

    def _cat(self, words: list[str]) -> CommandResult:
        if words[0] == f"{WHOLE}/agent/{SEAL}":
            found = self.host.volumes[self.disk().volumes[0]].agent.get(SEAL)
        elif not words[0].startswith(f"{TARGET}/"):
            found = self.disk().files.get(words[0])
        else:
            found = self._data().get(words[0].removeprefix(f"{TARGET}/"))
        return CommandResult(1, "", "No such file") if found is None else CommandResult(0, found.decode(), "")

    def _df(self, words: list[str]) -> CommandResult:
        used, files = self.disk().used, self.disk().used_files
        rows = [
            f"{used[name] * 10**7} {(100 - used[name]) * 10**7} {files.get(name, 0)} {100 - files.get(name, 0)} {name}"
            for name in used
        ]
        return CommandResult(0, "\n".join(["Used Avail IUsed IFree Mounted on", *rows]) + "\n", "")

    def _rm(self, words: list[str]) -> CommandResult:
        self.disk().files.pop(words[-1], None)
        return CommandResult(0, "", "")

    def reopen(self) -> None:
        """What the machine's own timer does when it is due."""
        self._advance_works()
        disk = self.disk()
        due = disk.units.get(REOPEN_TIMER)
        if due is None or self.clock.monotonic() - due < 600:
            return
        if any(work.code is None for work in disk.works.values()):
            disk.units[REOPEN_TIMER] = self.clock.monotonic()
            return
        listed = disk.files.pop(REOPEN_UNITS, b"").decode().split()
        del disk.units[REOPEN_TIMER]
        if SEAL not in self.host.volumes[disk.volumes[0]].agent:
            disk.read_only = False
            for name in ("scipion-data@pull.service", *listed):
                self._systemctl(["start", name])

    def _mount(self, words: list[str]) -> CommandResult:
        disk, wanted = self.disk(), words[1].endswith(",ro")
        if wanted and disk.open_files:
            return CommandResult(32, "", "mount point is busy")
        disk.read_only = wanted
        return CommandResult(0, "", "")

    def _findmnt(self, words: list[str]) -> CommandResult:
        return CommandResult(0, f"{'ro' if self.disk().read_only else 'rw'},nosuid,nodev,relatime\n", "")

    def _find(self, words: list[str]) -> CommandResult:
        return CommandResult(0, "".join(f"/proc/77/fd {name}\n" for name in self.disk().open_files), "")

    def agent(self) -> FakeAgent:
        """The agent as the machine's configuration has it."""
        disk, config = self.disk(), json.loads(self.files()[CONFIG])
        volume = self.host.volumes[disk.volumes[0]]
        space = self.host.spaces[disk.folders[config["space"]["path"]][0]]
        now = self.clock.now().isoformat(timespec="seconds")
        return FakeAgent(
            config, volume.mark, volume.files, volume.agent, space, self.host.agents, disk.read_only, now, disk.lost
        )  # fmt: skip

    def _agent(self, words: list[str]) -> CommandResult:
        self._advance_works()
        if CONFIG not in self.files() and "--dataset" not in words:
            return CommandResult(1, "", f"{CONFIG} cannot be read")
        if words[0] == "health" and not self._has_space():
            return CommandResult(0, "", "")
        agent = self.agent()
        if words[0] == "health":
            return CommandResult(1 if agent.problem() else 0, agent.problem(), "")
        going = next((name for name, work in self.disk().works.items() if work.code is None), "")
        return CommandResult(0, json.dumps(agent.status(going)), "")

    def _has_space(self) -> bool:
        """Whether there is a data space, and one that this host has a folder for."""
        config = self.files().get(CONFIG)
        return bool(config) and json.loads(config)["space"]["path"] in self.disk().folders

    def _advance_works(self) -> None:
        for name, work in self.disk().works.items():
            if work.code is None and self.clock.monotonic() - work.began >= self.host.agents.seconds:
                work.code = self.agent().run(name)

    def _end_work(self, unit: str) -> None:
        work = self.disk().works.get(unit.partition("@")[2].removesuffix(".service"))
        if unit.startswith("scipion-data@") and work and work.code is None:
            work.code = 15

    def _show(self, name: str) -> CommandResult:
        self._advance_works()
        work = self.disk().works.get(name.partition("@")[2].removesuffix(".service"))
        state = "inactive" if work is None or work.code == 0 else "activating" if work.code is None else "failed"
        began, code = (f"{work.began}", work.code or 0) if work else ("", 0)
        told = {"ActiveState": state, "ExecMainStatus": code, "ExecMainStartTimestampMonotonic": began, "Job": ""}
        return CommandResult(0, "".join(f"{key}={value}\n" for key, value in told.items()), "")

    def _systemctl(self, words: list[str]) -> CommandResult:
        units, names = self.disk().units, [word for word in words[1:] if not word.startswith("--")]
        if words[0] == "show":
            return self._show(words[-1])
        if words[0] == "enable":
            self.disk().enabled.update(names)
            return CommandResult(0, "", "")
        if words[0] == "disable":
            self.disk().enabled.difference_update(names)
            words = ["stop", *names] if "--now" in words else ["reset-failed"]
        if words[0] == "restart":
            units |= {REOPEN_TIMER: self.clock.monotonic()} if names == [REOPEN_TIMER] else {}
            return CommandResult(0, "", "")
        if words[0] == "start" and names[0].startswith("scipion-data@"):
            if CONFIG not in self.files():
                return CommandResult(5, "", f"Unit {names[0]} not found.")
            self._advance_works()
            work = names[0].partition("@")[2].removesuffix(".service")
            self.disk().works[work] = Work(self.clock.monotonic() + 1e-6 * len(self.sent))
            return CommandResult(0, "", "")
        if words[0] in ("start", "stop"):
            names = [*names, *(WITH[name] for name in names if name in WITH)]
        if words[0] == "start":
            for name in names:
                units.setdefault(name, self.clock.monotonic())
        elif words[0] == "stop":
            for name in names:
                self._advance()
                self._end_work(name)
                units.pop(name, None)
        elif words[0] == "is-active":
            self._advance()
            states = ["active" if name in units else "inactive" for name in names]
            return CommandResult(0 if "inactive" not in states else 3, "\n".join(states), "")
        return CommandResult(0, "", "")

    def _link(self, words: list[str]) -> CommandResult:
        if words[0] == "--fingerprint":
            return CommandResult(0, self.files()["/etc/cloudify-desktop/fingerprint"].decode() + "\n", "")
        links: list[dict[str, Any]] = json.loads(self.files().get(LINKS, b"[]"))
        answer: dict[str, Any] = {"connected": links}  # every link was opened at once
        if words[0] == "--revoke":
            id = words[words.index("--id") + 1] if "--id" in words else ""
            view_only = "--view-only" in words
            left = [one for one in links if (view_only and not one["view_only"]) or id not in ("", one["id"])]
            links, answer = left, {"revoked": len(links) - len(left)}
        elif words[0] == "--valid":
            new = {"id": f"link{len(links)}", "view_only": "--view-only" in words, "address": "10.0.0.1", "since": 0.0}
            links.append(new)
            answer = {"token": "t0ken", "expires": 60.0 + self.clock.monotonic(), "id": new["id"]}
        self.disk().files[LINKS] = json.dumps(links).encode()
        return CommandResult(0, json.dumps(answer), "")

    def _workflow(self, words: list[str]) -> CommandResult:
        if words[0] in ("running", "stop"):
            return self._steps(words[0])
        data, name = self._data(), words[1]
        if words[0] == "status":
            self._advance()
            rows = [{**row, "awaited": row["status"] == "interactive"} for row in self._protocols(name)]
            return CommandResult(0, json.dumps({"project": name, "protocols": rows}), "")
        lost = [p for p in self._protocols(name) if p["class"] in self.workflows.unknown] if name in data else []
        if lost:
            answer = {"project": name, "created": False, "protocols": 2, "dropped": [], "missing": lost}
            return CommandResult(0 if "--read-only" in words else 5, f"{json.dumps(answer)}\n", "")
        wanted = json.loads(self.files()[words[2]])
        rows = [{"id": p["object.id"], "class": p["object.className"], "label": p["object.label"]} for p in wanted]
        dropped = [row for row in rows if row["class"] in self.workflows.unknown]
        made = name not in data and not dropped
        if made:
            states = [{**row, "status": "saved", "error": None} for row in rows]
            data[name] = json.dumps(states).encode()
        answer = {"project": name, "created": made, "protocols": len(rows), "dropped": dropped, "missing": []}
        return CommandResult(3 if dropped else 0, f"a line of Scipion's\n{json.dumps(answer)}\n", "")

    def _steps(self, word: str) -> CommandResult:
        """The user's own steps that run, and those of the workflow."""
        self._advance()
        rows = [*self.disk().steps]
        for unit in self.disk().units:
            name = unit.partition("@")[2].removesuffix(".service")
            if unit.startswith("scipion-workflow@"):
                live = (p for p in self._protocols(name) if p["status"] == "running")
                rows += [{"project": name, "since": "2026-01-01T00:00:00+00:00", **p} for p in live]
        if word == "stop":
            self.disk().steps.clear()
        return CommandResult(0, json.dumps({"running" if word == "running" else "stopped": rows}) + "\n", "")

    def _data(self) -> dict[str, bytes]:
        (volume,) = self.disk().volumes
        return self.host.volumes[volume].files

    def _protocols(self, name: str) -> list[dict[str, Any]]:
        protocols: list[dict[str, Any]] = json.loads(self._data()[name])
        return protocols

    def _advance(self) -> None:
        """What the running workflow has come to by now; protocols that have finished stay so."""
        for unit, began in [*self.disk().units.items()]:
            name = unit.partition("@")[2].removesuffix(".service")
            if not unit.startswith("scipion-workflow@"):
                continue
            protocols, left = self._protocols(name), self.clock.monotonic() - began
            if any(protocol["status"] == "interactive" for protocol in protocols):
                continue
            waiting = [p for p in protocols if p["status"] in ("saved", "running")][: self.workflows.ends_after]
            for protocol in waiting:
                protocol["status"] = "running"
                if left < self.workflows.seconds:
                    break
                left -= self.workflows.seconds
                self.disk().units[unit] += self.workflows.seconds  # the next protocol began then
                if protocol["label"] in self.workflows.by_hand:
                    protocol["status"] = "interactive"
                    break
                error = self.workflows.errors.get(protocol["label"])
                protocol |= {"status": "failed", "error": error} if error else {"status": "finished"}
            else:
                del self.disk().units[unit]
            self._data()[name] = json.dumps(protocols).encode()
