"""Exports, templates and a project folder, made with real Scipion 3.8.3: what each comes to."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.cli import import_
from cloudify_scipion.cli.main import main
from cloudify_scipion.project.load import load_inputs

from .samples import EXPORTS, catalogue

SITE = EXPORTS.parents[2] / "inputs/sites/this-machine.yaml"
CASES = {
    (folder.name, case["name"]): case
    for folder in sorted(EXPORTS.iterdir())
    for case in yaml.safe_load((folder / "expected.yaml").read_text())
}


@pytest.fixture(autouse=True)
def own_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_, "load_catalogue", catalogue)


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """A copy of the cases in which the project folder has its database, which the cases keep as text."""
    copied = tmp_path / "exports"
    shutil.copytree(EXPORTS, copied)
    folder = copied / "project-folder"
    with closing(sqlite3.connect(folder / "project.sqlite")) as database:
        database.executescript((folder / "project.sql").read_text())
    return copied


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["import", *(str(argument) for argument in arguments)])


@pytest.mark.parametrize("key", CASES, ids="-".join)
def test_case(key: tuple[str, str], cases: Path) -> None:
    case = CASES[key]
    for name in case.get("without", ()):
        (cases / key[0] / name).unlink()
    sources = [cases / key[0] / name for name in case["sources"]]
    settings = [part for setting in case.get("set", ()) for part in ("--set", setting)]
    result = run(*sources, "-o", cases / "out.json", "--json", *settings)
    answer = json.loads(result.stdout)
    assert summary(answer, cases) == {name: value for name, value in case.items() if name in EXPECTED}
    assert result.exit_code == (2 if case.get("problems") else 0)
    assert (cases / "out.json").exists() == (cases / "out.workflow.json").exists() == (not case.get("problems"))
    if not case.get("problems"):
        assert len(load_inputs(cases / "out.json", SITE).project.workflow.protocols) == len(case["protocols"])


EXPECTED = ("software", "acquisition", "protocols", "origins", "questions", "open", "problems")


def summary(answer: dict[str, Any], cases: Path) -> dict[str, Any]:
    """What a case expects, of a command's answer; what is empty is left out."""
    document = answer["document"]
    origins = {fact["path"]: fact["origin"] for fact in answer["facts"] if fact["path"].startswith("$.software")}
    found = {"origins": origins, "software": document["software"], "acquisition": document.get("acquisition")}
    if answer["problems"]:
        found = {}
    else:
        workflow = json.loads((cases / "out.workflow.json").read_text())
        found["protocols"] = [protocol["object.className"] for protocol in workflow]
    found["questions"] = [f"{item['key']}: {item['kind']}, {item['answer'] or 'open'}" for item in answer["questions"]]
    found["open"] = (
        None if answer["problems"] else [f"{item['path']}: {item['message']}" for item in answer["decisions"]]
    )
    found["problems"] = [f"{item['path']}: {item['message']}" for item in answer["problems"]]
    return json.loads(json.dumps({key: value for key, value in found.items() if value}).replace(f"{cases}/", ""))


@pytest.mark.parametrize("name", ["imports-only", "relion-2d", "spa"])
def test_an_export_stays_as_it_is(name: str, cases: Path) -> None:
    export = cases / name / "export.json"
    assert run(export, "-o", cases / "out.json").exit_code == 0
    assert json.loads((cases / "out.workflow.json").read_text()) == json.loads(export.read_text())


def test_a_template_is_filled_as_scipion_fills_it(cases: Path) -> None:
    answers = ["dose=1.2", "voltage=200", "box=400", "weigh=false"]
    settings = [part for answer in answers for part in ("--set", answer)]
    folder = cases / "spa-template"
    assert run(folder / "spa.json.template", "-o", cases / "out.json", *settings).exit_code == 0
    filled = json.loads((folder / "filled-by-scipion.json").read_text())
    assert json.loads((cases / "out.workflow.json").read_text()) == filled


def test_a_database_has_what_scipion_exports(cases: Path) -> None:
    folder = cases / "project-folder"
    export = json.loads((folder / "export.json").read_text())
    before = (folder / "project.sqlite").read_bytes()
    assert run(folder, "-o", cases / "out.json").exit_code == 0
    read = json.loads((cases / "out.workflow.json").read_text())
    assert [{key: mine[key] for key in theirs} for mine, theirs in zip(read, export, strict=True)] == export
    # What the form does not show, and Scipion leaves out of exports: harmless, it keeps its values.
    more = {key for mine, theirs in zip(read, export, strict=True) for key in mine.keys() - theirs.keys()}
    assert more == {"hostName", "numberOfThreads", "numberOfMpi"}
    assert (folder / "project.sqlite").read_bytes() == before


def test_for_people(cases: Path) -> None:
    result = run(cases / "project-folder", "-o", cases / "out.json", "--title", "Mine", "--size-gb", "3")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"{cases}/out.json: out, 3 protocols"
    assert lines[1] == f"  read {cases}/project-folder: project-folder/project.sqlite"
    found = [line.split() for line in lines]
    assert ["$.software.plugins['scipion-em-relion']", "4.0.20", "log"] in [words[:3] for words in found]
    assert not any("guess" in line for line in lines)
    assert lines[-1] == f"next: cloudify-scipion check {cases}/out.json --site SITE"
    assert json.loads((cases / "out.json").read_text())["volume"] == {"size_gb": 3}


@pytest.mark.parametrize(
    "case", ["imports-only/export.json", "relion-2d/export.json", "spa/export.json", "project-folder"]
)
def test_check_accepts_it_with_the_real_catalogue(case: str, cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_, "load_catalogue", load_catalogue)
    assert run(cases / case, "-o", cases / "out.json").exit_code == 0
    checked = CliRunner().invoke(main, ["check", str(cases / "out.json"), "--site", str(SITE)])
    assert checked.exit_code == 0, checked.output
