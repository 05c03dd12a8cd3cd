"""Steps that ask for a GPU which nothing gives them: a problem where the install runs them, otherwise a note."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cloudify_scipion.catalogue.gpu_fit import gpu_misfits
from cloudify_scipion.catalogue.load import load_catalogue
from cloudify_scipion.catalogue.request import document_problems
from cloudify_scipion.cli.main import main
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.site import Site

INPUTS = Path(__file__).resolve().parents[3] / "inputs"
CATALOGUE = load_catalogue()
CLOUD, LOCAL = Site("cloud", provider="openstack"), Site("local")
RELION = {"scipion-em-relion": "4.0.20"}
CPU_ONLY = "and relion 3.1.3 is built for the CPU: set doGpu to false"


def step(name: str = "ProtRelionClassify2D", **parameters: Any) -> dict[str, Any]:
    return {"object.className": name, "object.id": "7", "object.label": "Classes", **parameters}


def told(protocol: Any, site: Site = CLOUD, plugins: dict[str, str] = RELION, **packages: str) -> list[tuple[str, str]]:
    software = Software("3.8.3", plugins, packages)
    return list(gpu_misfits(software, [protocol], site, CATALOGUE))


@pytest.mark.parametrize("on", [True, "True", 1])
def test_relion_for_the_cpu(on: object) -> None:
    path, message = "$.workflow.protocols[0].doGpu", f"Classes (ProtRelionClassify2D, protocol 7) asks for a GPU (doGpu: {on}), {CPU_ONLY}"  # fmt: skip  # noqa: E501
    assert told(step(doGpu=on), relion="3.1.3") == [(path, message)]


def test_a_default_counts() -> None:
    message = "Classes (ProtRelionClassify2D, protocol 7) asks for a GPU (its default), and relion 3.1.3 is built for the CPU: set doGpu or useGpu to false"  # noqa: E501
    assert told(step(), relion="3.1.3") == [("$.workflow.protocols[0]['object.className']", message)]


@pytest.mark.parametrize(
    ("protocol", "packages"),
    [
        (step(doGpu=False), {"relion": "3.1.3"}),
        (step("ProtRelionExtractParticles", doGpu=True), {"relion": "3.1.3"}),
        (step(doGpu=True), {"relion": "5.0"}),
        (step(doGpu=True), {}),
        (step("NoSuch", doGpu=True), {"relion": "3.1.3"}),
        ("no step", {"relion": "3.1.3"}),
        ({"object.className": 5}, {"relion": "3.1.3"}),
    ],
)
def test_nothing_to_tell(protocol: Any, packages: dict[str, str]) -> None:
    assert told(protocol, **packages) == []


def test_a_local_machine_has_no_card() -> None:
    (found,) = told(step(doGpu=True), LOCAL, relion="5.0")
    assert found[1].endswith("(doGpu: True), and machines of a local site have no graphics card: set doGpu to false")
    required = step("ProtRelionDynaMight")
    (found,) = told(required, LOCAL, {"scipion-em-relion": "5.0.2"}, relion="5.0")
    assert "(ProtRelionDynaMight, protocol 7) cannot run without a GPU, and machines of a local site" in found[1]
    assert found[1].endswith("have no graphics card: leave it out")


def test_a_problem_only_where_the_install_runs_it() -> None:
    software = {"scipion": "3.8.3", "plugins": RELION, "em_packages": {"relion": "3.1.3"}}
    for run, count in ((True, 1), (False, 0)):
        document = {"software": software, "workflow": {"run": run}}
        found = list(document_problems(document, [step(doGpu=True)], replace(LOCAL), CATALOGUE))
        assert [path for path, _ in found] == ["$.workflow.protocols[0].doGpu"] * count


def test_notes_of_a_workflow_that_is_not_run() -> None:
    arguments = [str(INPUTS / "projects/krios-example.json"), "--site", str(INPUTS / "sites/ifca.yaml"), "--json"]
    result = CliRunner().invoke(main, ["check", *arguments])
    notes = [note for note in json.loads(result.stdout)["notes"] if CPU_ONLY in note]
    assert [note.split("protocol ")[1].split(")")[0] for note in notes] == ["300", "360", "420", "480"]
