"""`cloudify-scipion choose` as people and programs use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.cli.main import main
from cloudify_scipion.project.load import load_inputs
from cloudify_scipion.project.schema import schema
from tests.unit.catalogue.sizing.samples import EXAMPLE_CLOUD, IFCA, ROOT

KRIOS = ROOT / "inputs/projects/krios-example.json"
SITES = ROOT / "inputs/sites"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["choose", *map(str, arguments)])


def changed(folder: Path, **parts: Any) -> Path:
    document = {**json.loads(KRIOS.read_text()), **parts}
    if "workflow" in document and "file" in document["workflow"]:
        (folder / document["workflow"]["file"]).write_text(KRIOS.with_suffix(".workflow.json").read_text())
    path = folder / "p.json"
    path.write_text(json.dumps(document))
    return path


def test_the_example_on_ifca() -> None:
    result = run(KRIOS, "--site", SITES / "ifca.yaml")
    assert result.exit_code == 0 and result.stderr == ""
    lines = result.stdout.splitlines()
    assert "choice: g2.large" in lines
    assert any(line.startswith("  RAM, GB               60 ") for line in lines)
    assert "  *  g2.large    8      60      1     titan-x      12  5.2" in lines
    assert "  g4.4xlarge does not fit: it has 15 GB of RAM of 60 GB." in lines
    assert sum(line.startswith(f"  {flavour.name}") for line in lines for flavour in IFCA.flavours) == len(
        IFCA.flavours
    )
    assert "  ifca has no CPU flavour: to pick and extract it stays on g2.large" in lines


def test_the_example_elsewhere_for_programs() -> None:
    result = run(KRIOS, "--site", SITES / "example-cloud.yaml", "--json")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["ok"] is True and answer["chosen"] == "gpu.a10" and answer["problems"] == []
    assert answer["needs"]["ram_gb"]["value"] == 60 and "7676 x 7420" in answer["needs"]["ram_gb"]["reason"]
    assert [f["name"] for f in answer["flavours"]] == [f.name for f in EXAMPLE_CLOUD.flavours]
    assert [f["name"] for f in answer["flavours"] if f["chosen"]] == ["gpu.a10"]
    assert [part["flavour"] for part in answer["phases"]["parts"]] == ["c1.large", "gpu.t4"]
    assert answer["phases"]["gpu_hours_saved"] == pytest.approx(answer["phases"]["parts"][0]["hours"], abs=0.02)
    assert "are not counted" in answer["phases"]["caveat"]


@pytest.mark.parametrize("site", ["ifca", "example-cloud"])
def test_the_words_of_the_whole_answer(site: str) -> None:
    assert run(KRIOS, "--site", SITES / f"{site}.yaml").stdout == (ROOT / f"tests/cases/choose/{site}.txt").read_text()


def test_the_same_input_gives_the_same_bytes() -> None:
    assert run(KRIOS, "--site", SITES / "ifca.yaml").stdout == run(KRIOS, "--site", SITES / "ifca.yaml").stdout


def test_nothing_fits(tmp_path: Path) -> None:
    path = changed(tmp_path, needs={"ram_gb": 1000})
    result = run(path, "--site", SITES / "ifca.yaml")
    assert result.exit_code == 1
    assert "it has 60 GB of RAM of 1000 GB" in result.stdout and "choice" not in result.stdout
    assert result.stderr.startswith("error: no flavour fits\n  next: take another site")
    answer = json.loads(run(path, "--site", SITES / "ifca.yaml", "--json").stdout)
    assert answer["ok"] is False and answer["chosen"] is None and len(answer["flavours"]) == len(IFCA.flavours)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_bad_input(tmp_path: Path, options: list[str]) -> None:
    result = run(changed(tmp_path, titel="x", needs={"gpus": 65}), "--site", SITES / "ifca.yaml", *options)
    assert result.exit_code == 2
    said = result.stdout if options else result.stderr
    assert "$.titel" in said and "$.needs.gpus" in said


def with_motioncor(folder: Path, needs: object) -> Path:
    """The example with a movie alignment that requires a GPU, and whose program nothing installs."""
    steps = json.loads(KRIOS.with_suffix(".workflow.json").read_text())
    steps[1] |= {"object.className": "ProtMotionCorr", "object.label": "Align on GPU"}
    software = json.loads(KRIOS.read_text())["software"]
    software["plugins"]["scipion-em-motioncorr"] = "4.0.1"
    software["em_packages"]["motioncor3"] = "1.2.4"
    return changed(folder, workflow={"protocols": steps}, software=software, needs=needs)


def test_a_step_that_requires_a_gpu(tmp_path: Path) -> None:
    none = run(with_motioncor(tmp_path, {"gpus": 0}), "--site", SITES / "ifca.yaml")
    assert none.exit_code == 2
    assert "$.needs.gpus: Align on GPU (ProtMotionCorr, protocol 60) cannot run without a GPU" in none.stderr
    cpus = tmp_path / "cpus.yaml"
    cpus.write_text((SITES / "example-cloud.yaml").read_text().split("  - {name: gpu.t4")[0])
    refused = run(with_motioncor(tmp_path, "auto"), "--site", cpus)
    assert refused.exit_code == 1
    assert "$.workflow: Align on GPU (ProtMotionCorr, protocol 60) cannot run without a GPU" in refused.stderr
    assert "choice" not in refused.stdout
    months = run(KRIOS, "--site", cpus)
    assert months.exit_code == 0
    assert "choice: c1.large\n  about 2 months in place of 2 weeks" in months.stdout


@pytest.mark.parametrize(("days", "notes"), [(10, 1), (11, 0)])
def test_a_time_limit_that_computing_alone_eats_up(tmp_path: Path, days: int, notes: int) -> None:
    path = changed(tmp_path, time_limit={"days": days, "warning_days": 1})
    answer = json.loads(run(path, "--site", SITES / "ifca.yaml", "--json").stdout)
    told = f"computing alone takes about 5 days of the {days} days of the time limit (time_limit.days)"
    assert answer["notes"].count(told) == notes


def test_software_that_cannot_be_installed_is_noted(tmp_path: Path) -> None:
    path = with_motioncor(tmp_path, "auto")
    assert CliRunner().invoke(main, ["check", str(path), "--site", str(SITES / "ifca.yaml")]).exit_code == 2
    result = run(path, "--site", SITES / "ifca.yaml")
    assert result.exit_code == 0 and "choice: g2.large" in result.stdout
    assert (
        "note: the install will refuse $.software.em_packages.motioncor3: motioncor3 1.2.4 is only listed"
        in result.stdout
    )


def test_software_that_is_not_known_is_a_problem(tmp_path: Path) -> None:
    path = changed(tmp_path, software={"scipion": "3.8.3", "plugins": {"scipion-em-relion": "4"}})
    result = run(path, "--site", SITES / "ifca.yaml")
    assert result.exit_code == 2 and "$.software.plugins['scipion-em-relion']" in result.stderr


def test_a_site_without_flavours() -> None:
    result = run(ROOT / "inputs/projects/relion-2d.json", "--site", SITES / "this-machine.yaml")
    assert result.exit_code == 1
    assert "the site this-machine has no flavours" in result.stderr


def test_the_example_project_has_every_part_and_fits_ifca() -> None:
    document = json.loads(KRIOS.read_text())
    assert set(document) == set(schema("project")["properties"])
    assert set(document["acquisition"]) == set(schema("project")["properties"]["acquisition"]["properties"])
    loaded = load_inputs(KRIOS, SITES / "example-cloud.yaml")
    assert loaded.site == EXAMPLE_CLOUD
    assert load_inputs(KRIOS, SITES / "ifca.yaml").project == loaded.project


def test_the_catalogue_has_the_examples_protocols() -> None:
    catalogue, project = load_catalogue(), load_inputs(KRIOS, SITES / "ifca.yaml").project
    software = project.software
    known = {*catalogue.scipion[software.scipion].protocols}
    for plugin, version in software.plugins.items():
        known |= {*catalogue.plugins[plugin][version].protocols}
    assert {step["object.className"] for step in project.workflow.protocols} <= known


def test_ifcas_table_is_the_talks() -> None:
    table = {
        flavour.name: (flavour.cpus, flavour.ram_gb, flavour.disk_gb, flavour.ephemeral_gb, flavour.gpus)
        for flavour in IFCA.flavours
    }
    assert table == {
        "g1.xlarge": (1, 5, 60, 150, 1), "g1.2xlarge": (2, 10, 60, 150, 2), "g1.4xlarge": (4, 20, 60, 300, 4),
        "g2.large": (8, 60, 60, 150, 1), "g3.large": (12, 22, 60, 150, 1), "g4.large": (1, 2.5, 30, 100, 1),
        "g4.xlarge": (2, 3.75, 60, 200, 2), "g4.2xlarge": (4, 7.5, 60, 200, 4), "g4.4xlarge": (8, 15, 60, 200, 8),
        "g4.6xlarge": (12, 30, 60, 200, 10),
    }  # fmt: skip
