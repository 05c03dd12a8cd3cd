"""What people give by mistake: every time a sentence that says what to give in its place, and nothing is written."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cloudify_scipion.cli import import_
from cloudify_scipion.cli.main import main

from .samples import EXPORTS, catalogue

EXPORT = EXPORTS / "relion-2d/export.json"
GIVE = "no export (*.json) lies beside it: export the workflow in Scipion, and give that file, too"


@pytest.fixture(autouse=True)
def own_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_, "load_catalogue", catalogue)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["import", *(str(argument) for argument in arguments)])


def folder(path: Path, script: str = "") -> Path:
    """A Scipion project folder whose database a script makes."""
    path.mkdir()
    with closing(sqlite3.connect(path / "project.sqlite")) as database:
        database.executescript(script)
    return path


def refused(tmp_path: Path, *sources: Path) -> str:
    """The only problem."""
    result = run(*sources, "-o", tmp_path / "o.json")
    assert result.exit_code == 2 and not (tmp_path / "o.json").exists()
    lines = result.stderr.splitlines()
    assert len(lines) == 3 and lines[2] == "1 problem"
    return lines[1].removeprefix("  $: ")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("CREATE TABLE Properties(key TEXT);", "no such table: Objects"),
        ("CREATE TABLE Objects(id INTEGER, parent_id INTEGER, name TEXT);", "no such column: classname"),
    ],
)
def test_a_database_of_another_version(tmp_path: Path, script: str, why: str) -> None:
    said = refused(tmp_path, folder(tmp_path / "project", script))
    assert said == f"no workflow was found: project.sqlite cannot be read as a project of Scipion 3 ({why}), and {GIVE}"


def test_an_empty_folder_and_one_of_several_exports(tmp_path: Path) -> None:
    empty = tmp_path / "w.json"
    empty.mkdir()
    assert refused(tmp_path, empty) == f"no workflow was found: there is no project.sqlite, and {GIVE}"
    for name in "abcdef":
        (empty / f"{name}.json").write_bytes(EXPORT.read_bytes())
    assert refused(tmp_path, empty) == (
        "no workflow was found: there is no project.sqlite, and which of a.json, b.json, c.json, d.json, e.json, ... is"
        " its export is not clear: give that file, too"
    )


def test_the_database_in_place_of_its_folder(tmp_path: Path) -> None:
    database = folder(tmp_path / "project", "CREATE TABLE Objects(id INTEGER);") / "project.sqlite"
    message = "this is a database: give the folder of the Scipion project that it belongs to"
    assert refused(tmp_path, database) == message


def test_one_file_under_two_names(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(EXPORT)
    assert refused(tmp_path, EXPORT, tmp_path / "link.json") == "it is given twice"


def test_folders_without_logs_say_so(tmp_path: Path) -> None:
    project = folder(tmp_path / "project", (EXPORTS / "project-folder/project.sql").read_text())
    none = "no log (Runs/*/logs/run.stdout) that names versions"
    alone = run(project, "-o", tmp_path / "a.json")
    assert f"  read {project}: project/project.sqlite; {none}" in alone.stdout.splitlines()
    beside = run(EXPORT, project, "-o", tmp_path / "b.json")
    assert f"  read {project}: {none}" in beside.stdout.splitlines()


def test_what_may_not_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = folder(tmp_path / "project")
    real = Path.stat

    def stat(path: Path, **more: Any) -> Any:
        if path.name in ("project.sqlite", "closed.json", "closed.workflow.json"):
            raise PermissionError(13, "Permission denied")
        return real(path, **more)

    monkeypatch.setattr(Path, "stat", stat)
    why = "project.sqlite cannot be read as a project of Scipion 3 ([Errno 13] Permission denied)"
    assert refused(tmp_path, project) == f"no workflow was found: {why}, and {GIVE}"
    result = run(EXPORT, "-o", tmp_path / "closed.json")
    assert result.exit_code == 2
    assert result.stderr.count("  $: it cannot be written: Permission denied") == 2


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("", "this is a folder, not a file"),
        (".", "this is a folder, not a file"),
        ("/", "this is a folder, not a file"),
        ("..", "this is a folder, not a file"),
        ("x" * 300, "it cannot be written: File name too long"),
        ("x" * 245, "it cannot be written: File name too long"),
        ("file/w.json", "file is a file, not a folder"),
    ],
)
@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_outputs_that_cannot_be(
    output: str, message: str, json_too: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    result = run(EXPORT, "-o", output, "--force", *json_too)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert result.exit_code == 2
    assert message in (result.stdout if json_too else result.stderr)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(import_, "write_atomic", full)
    output = tmp_path / "o.json"
    what, how = f"{output} cannot be written: No space left on device", "name a file in a folder of your own with -o"
    result = run(EXPORT, "-o", output)
    assert (result.exit_code, result.stderr) == (1, f"error: {what}\n  next: {how}\n")
    answer = json.loads(run(EXPORT, "-o", output, "--json").stdout)
    assert (answer["ok"], answer["error"], answer["next_step"], answer["problems"]) == (False, what, how, [])
    assert answer["document"]["software"]["scipion"] == "3.8.3"
