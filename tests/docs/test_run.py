"""Commands of the documents that need no machine, really run: in a copy of what they need, in the order of the page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, documented_commands, words
from tests.docs.test_commands import needs_machine

pytestmark = pytest.mark.long

HARMLESS = {"cloudify-scipion", "cfy", "cp", "mkdir", "tar"}


def harmless(command: str) -> bool:
    return words(command)[0] in HARMLESS and not needs_machine(command) and "/var/" not in command


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """The checkout's examples, an empty state root, and our commands on the path, installed or not."""
    for name in ("inputs", "blueprints"):
        shutil.copytree(ROOT / name, tmp_path / name)
    commands = tmp_path / "bin"
    commands.mkdir()
    program = commands / "cloudify-scipion"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cloudify_scipion.cli.main "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return tmp_path


def run(workshop: Path, commands: list[str]) -> str:
    own = {"CFY_WORKDIR": f"{workshop}/cfy", "CLOUDIFY_SCIPION_STATE": f"{workshop}/state", "PYTHONPATH": str(ROOT)}
    path = f"{workshop}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
    (workshop / "cfy").mkdir(exist_ok=True)
    script = "\n".join(["set -eux", *commands])
    done = subprocess.run(
        ["bash", "-c", script], cwd=workshop, env={**os.environ, **own, "PATH": path}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(harmless, documented_commands(page)))])
def test_commands_that_need_no_machine(workshop: Path, page: str) -> None:
    chosen = [command for command in documented_commands(page) if harmless(command)]
    said = run(workshop, ["cfy profiles use local", *chosen])
    assert not any("cloudify-scipion render" in command for command in chosen) or "files" in said
    assert not (workshop / "state").exists()


def test_help_of_every_command(workshop: Path) -> None:
    listed = run(workshop, ["cloudify-scipion --help"])
    assert all(
        word in listed for word in ("check", "render", "open", "status", "list", "repair", "held", "discard", "cache")
    )


def test_the_readme_installs_what_it_renders() -> None:
    by_hand = documented_commands("README.md", "By hand")
    rendered = next(words(command)[-1] for command in by_hand if command.startswith("cloudify-scipion render"))
    install = next(words(command) for command in by_hand if command.startswith("cfy install"))
    assert [word for word in install if "/" in word] == [f"{rendered}/blueprint.yaml", f"{rendered}/inputs.yaml"]
    assert by_hand[-1] == f"cfy uninstall -b {install[install.index('-b') + 1]}"
