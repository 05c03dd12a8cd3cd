"""Fixtures that need the real host: marked `machine`, they need root."""

from __future__ import annotations

import json
import shutil
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloudify_scipion.adapters.local.base import BaseCache
from cloudify_scipion.adapters.progress import LineProgress
from cloudify_scipion.agent.ports import ballast
from tests import seeds
from tests.browser.target import DISPLAY
from tests.installation import Installation, remove, wait_until, write_project
from tests.realhost import state_root


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "machine: real containers, mounts and loop devices (root, minutes)")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was drawn from, also in a quiet run, which has no header."""
    terminalreporter.write_line(f"samples drawn with {seeds.SEED}={seeds.seed()}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    seeds.put_in_order(items)


@pytest.fixture(autouse=True, scope="session")
def small_ballast() -> Iterator[None]:
    """Hundreds of volumes in memory hold it at once: there it takes what it is only meant to reserve."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ballast, "BYTES", ballast.LEAST)
        yield


@pytest.fixture(scope="session")
def machine_state() -> Iterator[Path]:
    """One state root for all tests of the adapters, so that the base is built once."""
    with state_root() as root:
        BaseCache(root, LineProgress(print)).ensure()
        yield root


@pytest.fixture(scope="session")
def installation(machine_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation of its own with a base system and nothing else."""
    folder = tmp_path_factory.mktemp("installation")
    with state_root("CLOUDIFY_SCIPION_TEST_INSTALLATION") as root:
        (root / "cache").mkdir(mode=0o700, exist_ok=True)
        if not (root / "cache/base").exists():
            subprocess.run(["cp", "-a", str(machine_state / "cache/base"), str(root / "cache")], check=True)
        made = Installation(root, folder)
        made.run("cfy", "profiles", "use", "local")
        lay_decoys(folder)
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def lay_decoys(folder: Path) -> None:
    """Cloudify looks imports up in the current directory first, and every `cfy` of the tests runs in this one."""
    for name in ("plugin.yaml", "types.yaml", "cloudify/types/types.yaml", "cloudify/types/types_1_5.yaml"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("node_types: {cloudify.nodes.scipion.Machine: {derived_from: nothing.at.all}}\n")


@dataclass(frozen=True)
class Demo:
    """The demo, installed with nothing cached: what `cfy install` printed stands in `log`."""

    installation: Installation
    log: str
    project: str = "relion-2d"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.installation.record(self.project).ports['desktop']}/"

    def run(self, argv: Sequence[str]) -> str:
        return self.installation.shell(self.project).run(argv, timeout=120).stdout

    def link(self, valid: float = 60, *, view_only: bool = False) -> str:
        looks = ["--view-only"] if view_only else []
        answer = self.run(["/usr/local/sbin/cloudify-desktop-link", "--valid", f"{valid:g}", *looks])
        return f"{self.url}#token={json.loads(answer)['token']}"

    def has_opened(self) -> bool:
        """Whether Scipion's window is there: until then it may come in front of what a test looks at."""
        ask = ("sh", "-c", "icesh -all list 2>/dev/null || true")  # by the window manager
        listed = self.run(["runuser", "-u", "scipion", "--", "env", *DISPLAY, *ask])
        return f'"{self.project} (' in listed

    def revoke(self) -> None:
        self.installation.run("cloudify-scipion", "open", self.project, "--revoke")


@pytest.fixture(scope="session")
def demo(installation: Installation) -> Iterator[Demo]:
    """The demo of the README, by its own commands."""
    installation.render()
    yield Demo(installation, installation.install("relion-2d"))


@pytest.fixture(scope="session")
def desktop(demo: Demo) -> Demo:
    """A running desktop, on which nothing more opens by itself."""
    wait_until(demo.has_opened, 120)
    return demo


@pytest.fixture(scope="session")
def warm(demo: Demo) -> Installation:
    """The installation once the demo's software layer is cached."""
    return demo.installation


@pytest.fixture
def project(warm: Installation, request: pytest.FixtureRequest) -> Iterator[str]:
    """A rendered project of the test's own whose volume is held at the end; removed afterwards, however it ended."""
    name = f"t{zlib.crc32(request.node.nodeid.encode())}"
    path = write_project(
        warm.folder / "projects", id=name, workflow={"run": False}, volume={"size_gb": 1, "at_end": "hold"}
    )
    warm.render(path)
    yield name
    remove(warm, name)
