"""`render --lock` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cloudify_scipion.catalogue.pins.file import FILE, Installed, Pins, to_text
from cloudify_scipion.cli.main import main
from tests.fakes.deployment import INSTALL, Deployment
from tests.unit.catalogue.test_pins import DATA, A
from tests.unit.cli.test_commands import PROJECT, SITE


def lock(relion: str) -> str:
    asked: dict[str, Any] = json.loads(PROJECT.read_text())["software"]
    software = {"plugins": {}, "example_data": {}, **asked, "em_packages": {"relion": relion}}
    return to_text(Pins("cloudify-scipion 0.1.0", A, software, DATA, Installed()))


def render(tmp_path: Path, content: str, project: Path = PROJECT) -> Result:
    path = tmp_path / "l.json"
    path.write_text(content)
    words = ["render", project, "--site", SITE, "--lock", path, "-o", tmp_path / "out"]
    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_folder_carries_the_lock_as_it_is(tmp_path: Path) -> None:
    result = render(tmp_path, lock("3.1.3"))
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out/software.lock.json").read_text() == lock("3.1.3")
    assert "    lock: software.lock.json" in (tmp_path / "out/blueprint.yaml").read_text()


def test_software_that_left_the_catalogue_can_still_be_rendered(tmp_path: Path) -> None:
    document = json.loads(PROJECT.read_text())
    document["software"]["em_packages"] = {"relion": "2.0"}
    document.pop("workflow")
    (tmp_path / "p.json").write_text(json.dumps(document))
    assert render(tmp_path, lock("2.0"), tmp_path / "p.json").exit_code == 0


def test_another_version_than_the_locks_is_a_problem_of_the_project_file(tmp_path: Path) -> None:
    result = render(tmp_path, lock("3.1.2"))
    assert result.exit_code == 2
    assert "  $.software.em_packages.relion: the lock file has '3.1.2', the project asks for '3.1.3'" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "$: "), ('{"format": 2}', "$.format: format 2 is not known; this version reads format 1")],
)
def test_what_is_no_lock_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    result = render(tmp_path, content)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_lock_file_that_is_not_there(tmp_path: Path) -> None:
    words = ["render", str(PROJECT), "--site", str(SITE), "--lock", str(tmp_path / "none"), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "$: there is no such file" in result.stderr


def test_the_command_prints_or_writes_the_projects_lock(
    demo: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudify_scipion.cli.lock.services", demo.world.services)
    demo.run(INSTALL[:4])
    early = CliRunner().invoke(main, ["lock", "relion-2d"])
    assert (early.exit_code, "its software was never complete" in early.stderr) == (1, True)
    demo.install()
    printed = CliRunner().invoke(main, ["lock", "relion-2d"])
    assert printed.stdout == demo.world.services().projects.kept("relion-2d", FILE)
    assert CliRunner().invoke(main, ["lock", "relion-2d", "-o", str(tmp_path / "l")]).exit_code == 0
    assert (tmp_path / "l").read_text() == printed.stdout
    refused = CliRunner().invoke(main, ["lock", "relion-2d", "-o", str(tmp_path)])
    assert (refused.exit_code, "cannot be written: Is a directory" in refused.stderr) == (1, True)
