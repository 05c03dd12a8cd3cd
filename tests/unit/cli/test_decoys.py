"""The real `cfy`, started in a directory full of decoys: it must read the rendered files, and no others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[3]
PROJECT = ROOT / "inputs/projects/relion-2d.json"
SITE = ROOT / "inputs/sites/this-machine.yaml"
DECOYS = (
    "plugin.yaml", "types.yaml", "blueprint.yaml", "inputs.yaml", "workflow.json", "cloudify/types/types.yaml",
    "cloudify/types/types_1_5.yaml", "types/types.yaml", "cloudify_scipion/__init__.py", "cloudify.py",
)  # fmt: skip


def call(*words: object, cwd: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CFY_WORKDIR": str(home), "HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def decoys(tmp_path: Path) -> Path:
    folder = tmp_path / "decoys"
    for name in DECOYS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("garbage: [\n")
    return folder


def test_cfy_from_a_directory_full_of_decoys(tmp_path: Path, decoys: Path) -> None:
    cfy = Path(sys.executable).with_name("cfy")
    out, home = tmp_path / "out", tmp_path / "home"
    home.mkdir()
    command = [Path(sys.executable).with_name("python"), "-P", "-m", "cloudify_scipion.cli.main"]
    rendered = call(*command, "render", PROJECT, "--site", SITE, "-o", out, cwd=decoys, home=home)
    assert rendered.returncode == 0, rendered.stderr
    assert call(cfy, "profiles", "use", "local", cwd=decoys, home=home).returncode == 0
    done = call(cfy, "init", out / "blueprint.yaml", "-b", "decoyed", "-i", out / "inputs.yaml", cwd=decoys, home=home)
    assert done.returncode == 0, done.stdout + done.stderr

    # What is installed from now on is the plan that was kept here, whatever the current directory is.
    kept = home / ".cloudify/profiles/local/deployments/decoyed/deployment.json"
    plan = json.loads(kept.read_text())["plan"]
    assert {node["type"].rpartition(".")[2] for node in plan["nodes"]} >= {"Volume", "Machine", "Software", "Desktop"}
    resources = home / ".cloudify/profiles/local/blueprints/decoyed/resources"
    assert (resources / "workflow.json").read_bytes() == (out / "workflow.json").read_bytes()

    # The decoys are real ones: an import by its usual name reads them.
    plain = tmp_path / "plain"
    shutil.copytree(out, plain)
    text = (plain / "blueprint.yaml").read_text()
    (plain / "blueprint.yaml").write_text(text.replace("cloudify-scipion-0.1.0/../cloudify/", "cloudify/"))
    fooled = call(cfy, "init", plain / "blueprint.yaml", "-b", "fooled", cwd=decoys, home=home)
    assert fooled.returncode == 1
    assert "garbage" in fooled.stdout + fooled.stderr or "Failed to parse import" in fooled.stdout + fooled.stderr
