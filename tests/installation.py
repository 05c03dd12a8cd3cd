"""An installation of the tests' own: real cfy, real command line, real machines, in a state root that is removed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudify_scipion.adapters.services import make_services
from cloudify_scipion.adapters.state import VARIABLE
from cloudify_scipion.lifecycle.ports import Services, Shell
from cloudify_scipion.lifecycle.record import Record
from tests.realhost import RealHost

REPOSITORY = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
DEMO, SITE = REPOSITORY / "inputs/projects/relion-2d.json", REPOSITORY / "inputs/sites/this-machine.yaml"


@dataclass
class Installation:
    """`root` is the state root, `folder` where projects are rendered and Cloudify keeps its state."""

    root: Path
    folder: Path
    lines: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        own = {VARIABLE: str(self.root), "CFY_WORKDIR": str(self.folder), "PATH": f"{BIN}:{os.environ['PATH']}"}
        return {**os.environ, **own, "PYTHONPATH": str(REPOSITORY)}

    @property
    def host(self) -> RealHost:
        return RealHost(self.root)

    def services(self) -> Services:
        return make_services(self.lines.append, self.root)

    def record(self, project: str) -> Record:
        record = self.services().projects.load(project)
        assert record is not None
        return record

    def shell(self, project: str) -> Shell:
        return self.services().connect(self.record(project))

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """A program of the virtual environment, its output in one stream, leader of a session of its own."""
        command = [str(BIN / argv[0]), *argv[1:]]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=pipe, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def run(self, *argv: str, code: int | None = 0, timeout: float = 1200) -> str:
        """Run to the end; the whole output. `code` is the exit code expected, None for any but 0."""
        process = self.start(*argv)
        try:
            output, _ = process.communicate(timeout=timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        good = process.returncode != 0 if code is None else process.returncode == code
        assert good, f"{argv} ended with {process.returncode}:\n{output[-6000:]}"
        return output

    def render(self, project: Path = DEMO, site: Path = SITE, name: str = "") -> Path:
        out = self.folder / (name or project.stem)
        self.run("cloudify-scipion", "render", str(project), "--site", str(site), "-o", str(out))
        return out

    def install(self, name: str, code: int | None = 0) -> str:
        folder = self.folder / name
        return self.run(
            "cfy", "install", f"{folder}/blueprint.yaml", "-b", name, "-i", f"{folder}/inputs.yaml", code=code
        )

    def again(self, name: str, code: int | None = 0) -> str:
        """Install a deployment that Cloudify knows, as one does after an interruption."""
        return self.run("cfy", "executions", "start", "install", "-b", name, code=code)

    def uninstall(self, name: str, code: int | None = 0) -> str:
        return self.run("cfy", "uninstall", "-b", name, code=code)


def write_project(folder: Path, **changes: Any) -> Path:
    """The demo's project file without a data space and with other values, its workflow beside it."""
    document = {key: value for key, value in json.loads(DEMO.read_text()).items() if key != "data"}
    for key, value in changes.items():
        document[key] = {**document[key], **value} if isinstance(value, Mapping) and key in document else value
    name = document["workflow"]["file"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes((DEMO.parent / name).read_bytes())
    path = folder / f"{document['id']}.json"
    path.write_text(json.dumps(document))
    return path


def kill_when(process: subprocess.Popen[str], marks: Sequence[str]) -> str:
    """Kill a running command, and what it started in its session, once it has printed one of `marks`; its output."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if any(mark in line for mark in marks):
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.wait(timeout=60)
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL, "".join(said)[-4000:]
    return "".join(said)


def wait_until(question: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)


def remove(installation: Installation, name: str) -> None:
    """End a project whatever state it is in."""
    services = installation.services()
    record = services.projects.load(name)
    if record:
        services.of(record).machines.delete(record.machine)
        services.of(record).volumes.delete(record.volume)
        services.projects.forget(name)
    for kind in ("blueprints", "deployments"):
        shutil.rmtree(installation.folder / ".cloudify/profiles/local" / kind / name, ignore_errors=True)
