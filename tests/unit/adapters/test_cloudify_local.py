"""What an interrupted `cfy install` leaves, with the real cfy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudify_scipion.adapters.cloudify_local import PROFILE, remove_half_made
from tests.fakes.deployment import ROOT, write_demo

pytestmark = pytest.mark.long

NAME = "relion-2d"
KILLER = """
import os, signal, sys
from cloudify.workflows import local
from cloudify_cli.main import _cfy

def dying(name, after):
    real = getattr(local.FileStorage, name)
    def method(*args, **kwargs):
        if after:
            real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    return method

def half_written(name, folder, file):
    def method(self, key, value):
        path = os.path.join(self._root_storage_dir, folder, key)
        os.makedirs(path)
        with open(os.path.join(path, file), "w") as stream:
            stream.write('{"id": "relion-2d", "pl')
        os.kill(os.getpid(), signal.SIGKILL)
    return method

point = sys.argv.pop(1)
changes = {
    "blueprint half written": ("store_blueprint", half_written("store_blueprint", "blueprints", "blueprint.json")),
    "between the two": ("create_deployment", dying("create_deployment", False)),
    "deployment half written": ("store_deployment", half_written("store_deployment", "deployments", "deployment.json")),
    "before its instances": ("store_deployment", dying("store_deployment", True)),
    "after its first instance": ("store_instance", dying("store_instance", True)),
    "when it is whole": ("create_deployment", dying("create_deployment", True)),
}
setattr(local.FileStorage, *changes[point])
sys.exit(_cfy())
"""
POINTS = [
    "blueprint half written", "between the two", "deployment half written", "before its instances",
    "after its first instance",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered demo, and a profile that cfy has begun to use."""
    folder = tmp_path_factory.mktemp("cfy")
    write_demo(folder / "demo")
    cfy(folder, "profiles", "use", "local")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    work = tmp_path / "work"
    shutil.copytree(made, work)
    monkeypatch.setenv("HOME", str(work / "home"))
    monkeypatch.setenv("CFY_WORKDIR", str(work))
    yield work


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "CFY_WORKDIR": str(folder), "HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}


def cfy(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    script = "import sys; from cloudify_cli.main import _cfy; sys.exit(_cfy())"
    return subprocess.run(
        [sys.executable, "-c", script, *words], env=environment(folder), capture_output=True, text=True, check=False
    )


def init(folder: Path, **inputs: object) -> subprocess.CompletedProcess[str]:
    """The part of `cfy install` that comes before the plugin's code."""
    given = ["-i", json.dumps(inputs)] if inputs else []
    return cfy(folder, "init", str(folder / "demo/blueprint.yaml"), "-b", NAME, *given)


def places(folder: Path) -> list[str]:
    """The folders of the name, which is what blocks it."""
    return [kind for kind in ("blueprints", "deployments") if (folder / PROFILE / kind / NAME).is_dir()]


def test_inputs_that_cloudify_refuses_block_the_name(folder: Path) -> None:
    refused = init(folder, no_such_input=1)
    assert refused.returncode == 1
    assert "no_such_input" in refused.stdout + refused.stderr
    assert places(folder) == ["blueprints"]

    blocked = init(folder)
    assert blocked.returncode == 1
    assert f"deployments/{NAME}" in blocked.stdout + blocked.stderr  # that is all that cfy says
    assert "No such file or directory" in blocked.stdout + blocked.stderr

    assert remove_half_made(NAME, "") == [folder / PROFILE / "blueprints" / NAME]
    assert places(folder) == []
    again = init(folder)
    assert again.returncode == 0, again.stdout + again.stderr


def killed(folder: Path, point: str) -> None:
    words = ["init", str(folder / "demo/blueprint.yaml"), "-b", NAME]
    done = subprocess.run(
        [sys.executable, "-c", KILLER, point, *words], env=environment(folder), capture_output=True, check=False
    )
    assert done.returncode == -9, done.stderr


@pytest.mark.parametrize("point", POINTS)
def test_killed_on_the_way(folder: Path, point: str) -> None:
    killed(folder, point)
    left = places(folder)
    assert left[0] == "blueprints"
    assert [path.parent.name for path in remove_half_made(NAME, "")] == left
    assert places(folder) == []
    again = init(folder)
    assert again.returncode == 0, again.stdout + again.stderr


def test_killed_when_all_was_written(folder: Path) -> None:
    killed(folder, "when it is whole")
    assert remove_half_made(NAME, "") == []
    assert places(folder) == ["blueprints", "deployments"]


def test_a_whole_deployment_and_others_are_left_alone(folder: Path) -> None:
    assert init(folder).returncode == 0
    before = sorted(folder.rglob("*"))
    assert remove_half_made(NAME, "") == []
    assert remove_half_made("another", "") == []
    # an execution is writing an instance's file at this moment
    instance = next((folder / PROFILE / "deployments" / NAME / "node-instances").iterdir())
    instance.write_text("")
    assert remove_half_made(NAME, "") == []
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("where", ["of the last execution", "the home"])
def test_other_places(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    (folder / PROFILE / "blueprints" / NAME).mkdir(parents=True)
    monkeypatch.setenv("CFY_WORKDIR", str(tmp_path / "elsewhere"))
    if where == "the home":
        monkeypatch.setenv("HOME", str(folder))
    removed = remove_half_made(NAME, str(folder) if where == "of the last execution" else "")
    assert removed == [folder / PROFILE / "blueprints" / NAME]
