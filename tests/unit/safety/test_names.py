"""Project ids and deployment names that would lead out of their folders: from blueprints and from command lines."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.adapters.cloudify_local import PROFILE, remove_half_made
from cloudify_scipion.adapters.state import VARIABLE, ProjectFolders
from cloudify_scipion.cli.main import main
from cloudify_scipion.errors import PermanentError
from tests.fakes.deployment import UNINSTALL, Deployment
from tests.fakes.world import World

pytestmark = pytest.mark.usefixtures("only_here")
BAD = ["", ".", "..", "../volumes", "a/..", "x/y", "/nonexistent/x", "-x", "a\nb", "a" * 101]


@pytest.fixture
def only_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the checks that are tested here, the code would remove what these names lead to, as root.

    So no name here leads to anything that exists, and nothing outside of the test's own folder can be removed.
    """
    real, allowed = shutil.rmtree, [tmp_path.resolve(), Path(tempfile.gettempdir()).resolve()]

    def guarded(path: Any, *args: Any, **more: Any) -> None:
        place = Path(path).resolve()
        if not any(place != folder and place.is_relative_to(folder) for folder in allowed):
            raise AssertionError(f"rmtree({path!r})")
        real(path, *args, **more)

    monkeypatch.setattr(shutil, "rmtree", guarded)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CFY_WORKDIR", raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "state"
    for name in ("volumes/other.img", "projects/other/project.json", "project.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("{}")
    return root


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("project", BAD)
def test_no_folder_but_its_own(root: Path, project: str) -> None:
    projects, before = ProjectFolders(root), files(root)
    use: list[Callable[[], object]] = [
        lambda: projects.load(project),
        lambda: projects.folder(project),
        lambda: projects.keys(project),
        lambda: projects.hold_lock(project, "test"),
        lambda: projects.forget(project),
    ]
    for work in use:
        with pytest.raises(PermanentError, match="is not a project id"):
            work()
    assert files(root) == before


@pytest.mark.parametrize("project", ["", "..", "../volumes"])
def test_an_uninstall_with_such_an_id_touches_nothing(world: World, project: str) -> None:
    """As after an install that was refused for its inputs: Cloudify knows the deployment all the same."""
    other = Deployment(world)
    other.install()
    world.end_process()
    before = world.facts()
    bad = Deployment(world, {"project_id": project}, name="bad", workflow="uninstall")
    for node, name in UNINSTALL:
        with pytest.raises(NonRecoverableError, match="is not a project id"):
            bad.operation(node, name)
    assert world.facts() == before


@pytest.mark.parametrize("command", ["open", "status", "repair", "discard"])
@pytest.mark.parametrize("project", ["", "..", "../volumes", "/nonexistent/x"])
def test_commands_refuse_them(root: Path, monkeypatch: pytest.MonkeyPatch, command: str, project: str) -> None:
    monkeypatch.setenv(VARIABLE, str(root))
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.delenv("CFY_WORKDIR", raising=False)
    (root / PROFILE / "deployments/d").mkdir(parents=True)
    (root / PROFILE / "deployments/d/deployment.json").write_text("{}")
    before = files(root)
    result = CliRunner().invoke(main, [command, "--", project])
    assert result.exit_code == 1
    assert "is not a project id" in result.stderr
    assert files(root) == before


@pytest.mark.parametrize("deployment", ["", ".", "..", "../blueprints", "/nonexistent/x", "a/b"])
def test_only_a_blueprint_of_its_own_is_cleared(tmp_path: Path, deployment: str) -> None:
    for name in ("blueprints/a/blueprint.json", "deployments/b/deployment.json"):
        (tmp_path / PROFILE / name).parent.mkdir(parents=True)
        (tmp_path / PROFILE / name).write_text("{}")
    before = files(tmp_path)
    assert remove_half_made(deployment, str(tmp_path)) == []
    assert files(tmp_path) == before


def test_a_copied_folder_is_not_a_project(world: World) -> None:
    """`discard copy` would delete the volume of the original, holding another lock."""
    Deployment(world).install()
    shutil.copytree(world.root / "projects/relion-2d", world.root / "projects/copy")
    with pytest.raises(PermanentError, match="is the record of project 'relion-2d'"):
        ProjectFolders(world.root).load("copy")


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"binding": 1}', json.dumps("x"), "\x00"])
def test_a_damaged_record_is_an_error_of_ours_and_stops_nobody_else(world: World, text: str) -> None:
    (world.root / "projects/damaged").mkdir(parents=True)
    (world.root / "projects/damaged/project.json").write_text(text)
    with pytest.raises(PermanentError, match="is damaged"):
        ProjectFolders(world.root).load("damaged")
    Deployment(world).install()


def test_the_state_root_is_private_from_its_first_file_on(tmp_path: Path) -> None:
    root = tmp_path / "state"
    ProjectFolders(root).hold_lock("relion-2d", "test")
    assert root.stat().st_mode & 0o777 == 0o700
