"""The command line: `check` and `render`, as people and programs use them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from cloudify_scipion.cli.main import COMMANDS, main
from cloudify_scipion.errors import PermanentError

ROOT = Path(__file__).resolve().parents[3]
PROJECT = ROOT / "inputs/projects/relion-2d.json"
SITE = ROOT / "inputs/sites/this-machine.yaml"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def broken(folder: Path) -> Path:
    path = folder / "p.json"
    path.write_text('{"id": "Relion", "titel": "x", "software": {"scipion": "3.8.3"}, "volume": {"size_gb": 1}}')
    return path


def test_check() -> None:
    result = run("check", PROJECT, "--site", SITE)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "relion-2d, Relion 2D classification" in result.stdout
    assert "scipion 3.8.3 (run), scipion-em-relion 4.0.20 (run), relion 3.1.3 (run), demo" in result.stdout
    assert "2 GB, deleted at the end, once all is proven saved" in result.stdout
    assert "note: " not in result.stdout


def test_check_for_programs() -> None:
    result = run("check", PROJECT, "--site", SITE, "--json")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["ok"] is True
    assert answer["software"]["relion"] == "3.1.3"


@pytest.mark.parametrize("command", [["check"], ["render", "-o", "out"]])
def test_all_problems_grouped_by_file(tmp_path: Path, command: list[str]) -> None:
    site = tmp_path / "s.yaml"
    site.write_text("name: here\nprovider: lokal\n")
    result = run(*command, broken(tmp_path), "--site", site)
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0] == f"{tmp_path}/p.json"
    assert lines[1].startswith("  $.titel: this key is not known; did you mean 'title'?")
    assert f"{tmp_path}/s.yaml" in lines
    assert "  $.provider: 'lokal' is not one of local, openstack; did you mean 'local'?" in lines
    assert lines[-1] == "4 problems"


@pytest.mark.parametrize("command", [["check"], ["render", "-o", "out"]])
def test_problems_for_programs(tmp_path: Path, command: list[str]) -> None:
    result = run(*command, broken(tmp_path), "--site", SITE, "--json")
    assert result.exit_code == 2
    answer = json.loads(result.stdout)
    assert answer["ok"] is False
    assert {problem["path"] for problem in answer["problems"]} == {"$.id", "$.titel", "$.title"}


def test_software_of_the_catalogue_is_checked(tmp_path: Path) -> None:
    document = json.loads(PROJECT.read_text())
    del document["workflow"]
    document["software"]["plugins"] = {"scipion-em-relian": "4.0.20"}
    path = tmp_path / "p.json"
    path.write_text(json.dumps(document))
    result = run("check", path, "--site", SITE)
    assert result.exit_code == 2
    assert "the catalogue has no plugin 'scipion-em-relian'; did you mean 'scipion-em-relion'?" in result.stderr


def test_render(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("render", PROJECT, "--site", SITE, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert f"next: cfy install {out}/blueprint.yaml -b relion-2d -i {out}/inputs.yaml" in result.stdout
    assert (out / "blueprint.yaml").is_file()
    again = run("render", PROJECT, "--site", SITE, "-o", out, "--json")
    assert json.loads(again.stdout)["written"] is False
    (out / "inputs.yaml").write_text("mine")
    refused = run("render", PROJECT, "--site", SITE, "-o", out)
    assert refused.exit_code == 1
    assert "not an unchanged earlier rendering: inputs.yaml" in refused.stderr
    assert "next: move these files away" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", "none.json", "--site", "none.yaml"],
        ["render", "none.json"],
        ["frobnicate"],
        ["check", "--x"],
    ],
)
def test_mistakes_have_no_traceback(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)


def test_what_a_file_holds_cannot_drive_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"\\u001b[31mred\\ud800": 1}')
    result = run("check", path, "--site", SITE)
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert "\\x1b[31mred" in result.stderr


def test_what_a_file_holds_cannot_forge_a_line(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps({**json.loads(PROJECT.read_text()), "software": {"scipion": "9", "x\n0 problems": 1}}))
    result = run("check", path, "--site", SITE)
    assert "0 problems" in result.output
    assert not any(line.startswith("0 problems") for line in result.output.splitlines())
    workflow = [{"object.className": "ProtImportParticles", "object.id": "2", "filesPath": "/a\nnext: rm -r /b"}]
    (tmp_path / "w.json").write_text(json.dumps(workflow))
    result = run("import", tmp_path / "w.json", "-o", tmp_path / "new.json")
    assert "the workflow reads /a\\nnext: rm -r /b" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_explains_itself(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage:")
    assert len(result.stdout.splitlines()) > 3


def test_help_and_version() -> None:
    assert all(name in run("--help").stdout for name in COMMANDS)
    assert run("--version").stdout == "cloudify-scipion, version 0.1.0\n"


def test_an_error_ends_a_command_with_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def failing() -> None:
        raise PermanentError("the disk is full", "make room")

    import cloudify_scipion.cli.check as module

    monkeypatch.setattr(module, "check", failing)
    result = run("check")
    assert result.exit_code == 1
    assert result.stderr == "error: the disk is full\n  next: make room\n"


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--version"], {"jsonschema", "yaml", "jinja2", "dsl_parser"}),
        (["check"], {"jinja2", "dsl_parser", "cloudify"}),
    ],
)
def test_slow_modules_are_imported_only_when_needed(arguments: list[str], unwanted: set[str]) -> None:
    if arguments == ["check"]:
        arguments = ["check", str(PROJECT), "--site", str(SITE)]
    code = (
        "import json, sys\nfrom cloudify_scipion.cli.main import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    loaded: list[Any] = json.loads(done.stdout.splitlines()[-1])
    assert not unwanted & set(loaded)
