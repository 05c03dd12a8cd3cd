"""What `--json` prints has the keys that docs/commands.md lists, for answers and for errors alike."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cloudify_scipion.cli.main import main

ROOT = Path(__file__).resolve().parents[3]
PROJECT, WORKFLOW = ROOT / "inputs/projects/relion-2d.json", ROOT / "inputs/projects/relion-2d.workflow.json"
KRIOS = ROOT / "inputs/projects/krios-example.json"
LOCAL, CLOUD = ROOT / "inputs/sites/this-machine.yaml", ROOT / "inputs/sites/example-cloud.yaml"
COMMANDS = {
    "check": ["check", PROJECT, "--site", LOCAL],
    "import": ["import", WORKFLOW, "-o", "mine.json"],
    "choose": ["choose", KRIOS, "--site", CLOUD],
    "render": ["render", PROJECT, "--site", LOCAL, "-o", "out"],
}
FOUND = ["document", "sources", "questions", "facts", "decisions"]


def documented() -> dict[str, list[str]]:
    """Commands (`errors` for those of all) and their keys, as the page lists them."""
    page = (ROOT / "docs/commands.md").read_text()
    rows = re.findall(r"\| ([^|]+) \| (`ok`[^|]*) \|", page)
    return {name.strip("`").split()[0]: re.findall(r"`([a-z_]+)`", keys) for name, keys in rows}


def run(*words: object) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(main, [*map(str, words), "--json"])
    assert result.stderr == ""
    answer: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, answer


@pytest.fixture(autouse=True)
def folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_keys_of_an_answer(command: str) -> None:
    code, answer = run(*COMMANDS[command])
    assert (code, answer["ok"]) == (0, True)
    assert sorted(answer) == sorted(documented()[command])


@pytest.mark.parametrize("command", COMMANDS)
def test_keys_of_problems(command: str) -> None:
    words = ["none.json" if word in (PROJECT, KRIOS, WORKFLOW) else word for word in COMMANDS[command]]
    code, answer = run(*words)
    assert (code, answer["ok"], answer["next_step"]) == (2, False, "")
    assert sorted(answer) == sorted(documented()["errors"] + (FOUND if command == "import" else []))
    assert answer["problems"] == [{"source": "none.json", "path": "$", "message": "there is no such file"}]
    assert answer["error"].startswith("1 problem in the input:")


def changed(**parts: Any) -> Path:
    """The demo's project file with other parts, without its workflow and its data."""
    document = {key: value for key, value in json.loads(PROJECT.read_text()).items() if key not in ("workflow", "data")}
    path = Path("p.json")
    path.write_text(json.dumps(document | {"volume": {"size_gb": 1}} | parts))
    return path


def test_keys_where_nothing_fits() -> None:
    code, answer = run("choose", changed(needs={"ram_gb": 4000}), "--site", CLOUD)
    assert (code, answer["ok"], answer["chosen"], answer["problems"]) == (1, False, None, [])
    assert (answer["error"], answer["next_step"][:17]) == ("no flavour fits", "take another site")
    assert sorted(answer) == sorted({*documented()["choose"], *documented()["errors"]})


def test_keys_of_other_errors() -> None:
    for words in (["choose", PROJECT, "--site", LOCAL], ["render", changed(), "--site", CLOUD, "-o", "out"]):
        code, answer = run(*words)
        assert (code, sorted(answer)) == (1, sorted(documented()["errors"]))
        assert answer["error"] and answer["next_step"] and answer["problems"] == []


def test_notes_of_check_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    proofs = {"scipion": "run", "scipion-em-relion": "listed", "relion": "run", "demo-particles": "run"}
    monkeypatch.setattr("cloudify_scipion.cli.check.software_proofs", lambda _: proofs)
    _, answer = run("check", changed(), "--site", CLOUD)
    assert answer["notes"] == [
        "nobody has installed scipion-em-relion this way yet; what is known comes from its makers",
        "this version makes machines on local sites only, not on openstack",
    ]
    said = CliRunner().invoke(main, ["check", "p.json", "--site", str(CLOUD)]).stdout.splitlines()
    assert [line for line in said if line.startswith("note: ")] == [f"note: {note}" for note in answer["notes"]]
