"""The README's commands, typed as they stand there, on a host that has the demo's software cached."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import documented_commands
from tests.installation import REPOSITORY, Installation
from tests.realhost import RealHost, state_root

pytestmark = pytest.mark.machine

INSTALLED_ALREADY = {"make deps", ". .venv/bin/activate"}


def test_the_commands_by_hand(warm: Installation, tmp_path: Path) -> None:
    commands = [line for line in documented_commands("README.md", "By hand") if line not in INSTALLED_ALREADY]
    assert any(line.startswith("cfy install") for line in commands)
    (tmp_path / "inputs").symlink_to(REPOSITORY / "inputs")
    with state_root("CLOUDIFY_SCIPION_TEST_BY_HAND") as root:
        subprocess.run(["cp", "-a", str(warm.root / "cache"), str(root)], check=True)
        environment = {k: v for k, v in Installation(root, tmp_path).environment.items() if k != "CFY_WORKDIR"}
        environment["HOME"] = os.environ.get("HOME", "/root")
        typed = subprocess.run(
            ["bash", "-e"], input="\n".join(commands), cwd=tmp_path, env=environment, text=True,
            capture_output=True, timeout=900, check=False,
        )  # fmt: skip
        assert typed.returncode == 0, (typed.stdout + typed.stderr)[-4000:]
        assert "/#token=" in typed.stdout and "2 of 2 protocols ended (2 finished)" in typed.stdout
        assert not list((root / "machines").iterdir()) and RealHost(root).loops() == []
        assert not list((root / "projects").iterdir()) and not list((root / "volumes").glob("*.img"))
