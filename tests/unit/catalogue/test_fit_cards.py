"""Steps that ask for a GPU which nothing gives them: a note, or a problem where they cannot run without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.software.check_document import document_problems
from cloudify_scipion.catalogue.software.fit_site import gpu_notes, gpu_problems
from cloudify_scipion.cli.main import main
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.site import Site

INPUTS = Path(__file__).resolve().parents[3] / "inputs"
CATALOGUE = load_catalogue()
CLOUD, LOCAL = Site("cloud", provider="openstack"), Site("local")
RELION = {"scipion-em-relion": "4.0.20"}
ON_THE_CPU = "and relion 3.1.3 is built for the CPU: set doGpu to false, or have patience"
NO_CARD = "machines of a local site have no graphics card"


def step(name: str = "ProtRelionClassify2D", **parameters: Any) -> dict[str, Any]:
    return {"object.className": name, "object.id": "7", "object.label": "Classes", **parameters}


def told(protocol: Any, site: Site = CLOUD, plugins: dict[str, str] = RELION, **packages: str) -> list[str]:
    """Notes; such a step is no problem."""
    software = Software("3.8.3", plugins, packages)
    assert list(gpu_problems(software, [protocol], site, CATALOGUE)) == []
    return list(gpu_notes(software, [protocol], site, CATALOGUE))


@pytest.mark.parametrize("on", [True, "True", 1])
def test_relion_for_the_cpu(on: object) -> None:
    expected = f"Classes (ProtRelionClassify2D, protocol 7) asks for a GPU (doGpu: {on}), {ON_THE_CPU}"
    assert told(step(doGpu=on), relion="3.1.3") == [expected]


def test_a_default_counts() -> None:
    (note,) = told(step(), relion="3.1.3")
    assert "asks for a GPU (its default), and relion 3.1.3 is built for the CPU: set doGpu or useGpu to false" in note


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
    (note,) = told(step(doGpu=True), LOCAL, relion="5.0")
    assert note.endswith(f"(doGpu: True), and {NO_CARD}: set doGpu to false, or have patience")


@pytest.mark.parametrize(("run", "count"), [(True, 1), (False, 0)])
def test_a_step_that_requires_a_gpu_is_a_problem_where_the_install_runs_it(run: bool, count: int) -> None:
    software = {"scipion": "3.8.3", "plugins": {"scipion-em-relion": "5.0.2"}, "em_packages": {"relion": "5.0"}}
    document = {"software": software, "workflow": {"run": run}}
    found = list(document_problems(document, [step("ProtRelionDynaMight")], LOCAL, CATALOGUE))
    message = f"Classes (ProtRelionDynaMight, protocol 7) cannot run without a GPU, and {NO_CARD}: leave it out"
    assert found.count(("$.workflow.protocols[0]['object.className']", message)) == count


def test_notes_of_check() -> None:
    arguments = [str(INPUTS / "projects/krios-example.json"), "--site", str(INPUTS / "sites/ifca.yaml"), "--json"]
    result = CliRunner().invoke(main, ["check", *arguments])
    notes = [note for note in json.loads(result.stdout)["notes"] if ON_THE_CPU in note]
    assert [note.split("protocol ")[1].split(")")[0] for note in notes] == ["300", "360", "420", "480"]
