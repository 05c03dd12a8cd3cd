"""A project of the tests whose data are saved: its machine, its data space on the host, and looks at both."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.plan.lease import Holder
from cloudify_scipion.lifecycle.facts import CommandResult
from cloudify_scipion.lifecycle.layout import AGENT_COMMAND, TARGET
from tests.installation import Installation, remove, wait_until, write_project

AS_USER = ("runuser", "-u", "scipion", "--")
SPACE = "/srv/scipion-space/project"
UNITS = (
    "cloudify-desktop-session.service", "scipion-data-push.timer", "scipion-data-scan.timer",
    "scipion-data-requests.path",
)  # fmt: skip
"""What runs as long as somebody may work on the desktop."""
_TREE = """
import hashlib, json, os, stat, sys
top, found, twins = os.fsencode(sys.argv[1]), {}, {}
for folder, folders, files in os.walk(top):
    for name in folders + files:
        path = os.path.join(folder, name)
        facts = os.lstat(path)
        kept = {"kind": stat.S_IFMT(facts.st_mode), "mode": stat.S_IMODE(facts.st_mode), "owner": facts.st_uid}
        if stat.S_ISLNK(facts.st_mode):
            kept |= {"to": os.fsdecode(os.readlink(path)), "mode": 0}
        elif stat.S_ISREG(facts.st_mode):
            digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
            kept |= {"time": facts.st_mtime_ns, "size": facts.st_size, "digest": digest}
            twins.setdefault(facts.st_ino, []).append(os.fsdecode(os.path.relpath(path, top)))
        found[os.fsdecode(os.path.relpath(path, top))] = kept
print(json.dumps([found, sorted(sorted(names) for names in twins.values() if len(names) > 1)]))
"""


@dataclass(frozen=True)
class Saved:
    """A project by its id, which is also the name of its folder in the installation's own data space."""

    installation: Installation
    name: str

    @property
    def space(self) -> Path:
        """The project's folder of the data space, on the host."""
        return self.installation.root / "spaces/local" / self.name

    @property
    def leases(self) -> list[Path]:
        return sorted((self.space / ".cloudify-scipion/lease").iterdir())

    def run(self, *argv: str, expect: Sequence[int] = (0,), stdin: bytes | None = None) -> CommandResult:
        """A program on the machine, as root."""
        return self.installation.shell(self.name).run(argv, timeout=120, expect=expect, stdin=stdin)

    def user(self, script: str, expect: Sequence[int] = (0,)) -> CommandResult:
        """A shell script on the machine, as the user, in the working copy."""
        return self.run(*AS_USER, "sh", "-euc", f"cd {TARGET}; {script}", expect=expect)

    def push(self, expect: Sequence[int] = (0,)) -> CommandResult:
        return self.run("systemctl", "start", "scipion-data@push.service", expect=expect)

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.run(AGENT_COMMAND, "status", "--json").stdout)
        return told

    def tree(self, folder: str) -> tuple[dict[str, dict[str, Any]], list[list[str]]]:
        """What there is below a folder of the working copy, and the names that are one file."""
        told = self.run("python3", "-c", _TREE, f"{TARGET}/{folder}").stdout
        found, twins = json.loads(told)
        return found, twins

    def protocols(self) -> list[str]:
        """The states of the protocols as Scipion reads them in the project's folder."""
        told = self.run(*AS_USER, "/opt/scipion/bin/scipion-workflow", "status", self.name).stdout
        return [protocol["status"] for protocol in json.loads(told.splitlines()[-1])["protocols"]]

    def assert_usable(self) -> None:
        """Nothing was stopped: the user can go on."""
        assert self.run("systemctl", "is-active", *UNITS).stdout.split() == ["active"] * len(UNITS)
        self.user("echo goes on > goes-on; rm goes-on")

    def forget_space(self) -> None:
        shutil.rmtree(self.space, ignore_errors=True)


@contextmanager
def saved_project(warm: Installation, name: str, **changes: Any) -> Iterator[Saved]:
    """A rendered project with a data space, not installed; in the end it and its data are removed."""
    project = Saved(warm, name)
    settled = {"workflow": {"run": False}, "volume": {"size_gb": 1, "at_end": "hold"}}
    data = {"project": {"source": f"local:{name}"}, **changes.pop("data", {})}
    warm.render(write_project(warm.folder / "projects", id=name, **{**settled, **changes}, data=data))
    try:
        yield project
    finally:
        remove(warm, name)
        project.forget_space()


def stranger(project: Saved) -> Path:
    """The lease of somebody else, put into the project's folder."""
    holder = Holder(project.name, "ffffffff", "local", "another-deployment", "another-machine", 7)
    path = project.space / ".cloudify-scipion/lease" / holder.name().decode()
    path.write_bytes(holder.text())
    return path


def databases(space: Path) -> list[Path]:
    """The SQLite files of a folder, those of the agent left out."""
    files = [path for path in space.rglob("*") if path.is_file() and ".cloudify-scipion" not in path.parts]
    return [path for path in files if path.read_bytes()[:16] == b"SQLite format 3\0"]


def assert_sound(space: Path) -> int:
    """Each SQLite file of a folder passes SQLite's own check; how many there are."""
    found = databases(space)
    for path in found:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], path
    return len(found)


def wait_for_protocols(project: Saved, seconds: float = 180) -> None:
    wait_until(lambda: set(project.protocols()) == {"finished"}, seconds)
