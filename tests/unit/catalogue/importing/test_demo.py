"""The demo's bare workflow comes back to what its project file asks for, and can be installed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from cloudify_scipion.catalogue.entries.methods import Generate
from cloudify_scipion.catalogue.entries.model import ExampleData
from cloudify_scipion.catalogue.importing.software import find_software
from cloudify_scipion.cli.main import main

from .samples import catalogue, protocol

INPUTS = Path(__file__).resolve().parents[4] / "inputs"


def test_the_demo_from_its_workflow(tmp_path: Path) -> None:
    arguments = ["--title", "From an export", "--size-gb", "2", "--json"]
    workflow = INPUTS / "projects/relion-2d.workflow.json"
    result = CliRunner().invoke(main, ["import", str(workflow), "-o", str(tmp_path / "mine.json"), *arguments])
    answer = json.loads(result.stdout)
    assert answer["document"]["software"] == json.loads((INPUTS / "projects/relion-2d.json").read_text())["software"]
    # Of what is left, only the run changes what is installed.
    assert [item["path"] for item in answer["decisions"]] == [
        "$.workflow.run",
        "$.software.scipion",
        "$.software.plugins['scipion-em-relion']",
    ]


def known() -> dict[str, ExampleData]:
    return {
        version: ExampleData("shapes", version, Generate(f"/opt/em/shapes-{version}"), proof="run")
        for version in ("1", "2")
    }


def test_example_data_is_known_by_its_folder() -> None:
    data = replace(catalogue(), example_data={"shapes": known()})
    reading = [protocol("ProtImportParticles", 2, filesPath="/opt/em/shapes-2/a.mrcs")]
    found = find_software(reading, [], data)
    assert found.software["example_data"] == {"shapes": "2"}
    assert found.facts[-1].origin == "ProtImportParticles 2 reads /opt/em/shapes-2/a.mrcs"
    for other in ("/opt/em/shapes-21/a.mrcs", "/opt/em/shapes-", "opt/em/shapes-2/a", "/data/opt/em/shapes-2"):
        assert "example_data" not in find_software([protocol("P", filesPath=other)], [], data).software


def test_two_versions_of_example_data() -> None:
    data = replace(catalogue(), example_data={"shapes": known()})
    reading = [protocol("A", 2, filesPath="/opt/em/shapes-1"), protocol("B", 3, filesPath="/opt/em/shapes-2/b")]
    found = find_software(reading, [], data)
    assert found.software["example_data"] == {"shapes": "1"}
    assert (
        "$.software.example_data.shapes",
        "B 3 reads /opt/em/shapes-2/b, of version 2; a project has one version: 1",
    ) in [(item.path, item.message) for item in found.decisions]
