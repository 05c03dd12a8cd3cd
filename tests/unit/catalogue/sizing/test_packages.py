"""What EM packages need of a graphics card counts: whatever flavours there are, check takes the chosen one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.entries.methods import Listed
from cloudify_scipion.catalogue.entries.model import EmPackageVersion, Number, PluginVersion
from cloudify_scipion.catalogue.sizing.choose_flavour import Choice, choose
from cloudify_scipion.catalogue.sizing.needs import needs_of
from cloudify_scipion.catalogue.sizing.phases import plan
from cloudify_scipion.catalogue.sizing.steps import workload_of
from cloudify_scipion.catalogue.software.fit_site import site_problems
from cloudify_scipion.cli.choose_text import nothing_fits
from cloudify_scipion.errors import InputError
from cloudify_scipion.project.model import Project, project_from_document
from cloudify_scipion.project.site import Flavour, GpuModel, Site
from tests.unit.catalogue.sizing.samples import CATALOGUE, EMPIAR_10061, FACTS, site

REAL = load_catalogue()
CARDS = {1.3: 4, 3.5: 8, 3.7: 12, 5.0: 8, 5.2: 12, 6.0: 16, 6.1: 11, 7.0: 32, 7.5: 16, 8.6: 24}
"""Compute capability to GB: cards of their time."""
FLAVOURS = [
    Flavour(f"card-{number}", 64, 500 + place, gpus=1, gpu=GpuModel(f"card-{number}", memory, number))
    for place, (number, memory) in enumerate(CARDS.items())
]
CPU = Flavour("cpu", 64, 500)


def packages() -> Iterator[EmPackageVersion]:
    """The catalogue's packages that a graphics card makes faster, or that do not run without."""
    entries = (entry for versions in REAL.em_packages.values() for entry in versions.values())
    return (entry for entry in entries if entry.gpu != "no")


def callers(package: EmPackageVersion) -> list[PluginVersion]:
    entries = [entry for versions in REAL.plugins.values() for entry in versions.values()]
    return [entry for entry in entries if package.label in entry.em_packages.get(package.name, ())]


def project(software: Mapping[str, Any], classes: Sequence[str] = (), **more: Any) -> Project:
    """Steps that all ask for a graphics card, where their class can use one."""
    protocols = [
        {"object.className": name, "object.id": str(number + 1), "object.label": name, "doGpu": True, "useGpu": True}
        for number, name in enumerate(classes)
    ]
    document = {"id": "p", "title": "P", "software": {"scipion": "3.8.3", **software}, "volume": {"size_gb": 1}}
    return project_from_document({**document, "acquisition": EMPIAR_10061, **more}, protocols)


def choice_of(given: Project, on: Site) -> Choice:
    return choose(needs_of(workload_of(given, REAL, on.cuda)), on)


def gpu_steps(plugin: PluginVersion) -> list[str]:
    return [name for name, facts in plugin.protocols.items() if facts.gpu != "no"]


def runs_on(package: EmPackageVersion, card: GpuModel) -> bool:
    return package.compute_capability is None or card.compute_capability >= package.compute_capability.value


def projects_with(package: EmPackageVersion) -> Iterator[Project]:
    """The package alone, and under each plugin that calls it: without a workflow, and with all steps on cards."""
    software = {package.name: package.version}
    yield project({"em_packages": software})
    for plugin in callers(package):
        asked = {"plugins": {plugin.name: plugin.version}, "em_packages": software}
        yield project(asked)
        if names := gpu_steps(plugin):
            yield project(asked, names)


def refused(given: Project, flavour: Flavour) -> list[str]:
    """What check has against a site that has only this flavour, as far as graphics cards go."""
    found = site_problems(given.software, Site("only", "openstack", flavours=(flavour,)), REAL)
    return [message for _, message in found if "needs a GPU" in message]


@pytest.mark.parametrize("package", list(packages()), ids=lambda package: f"{package.name}-{package.version}")
def test_the_chosen_card_is_one_that_check_takes(package: EmPackageVersion) -> None:
    for given in projects_with(package):
        for start in range(len(FLAVOURS)):
            choice = choice_of(given, site(*FLAVOURS[: start + 1], CPU))
            if choice.flavour is None:  # and then check takes none of them, either, or none has what its steps ask for
                assert choice.refused and all(verdict.misfits for verdict in choice.verdicts)
            else:
                assert refused(given, choice.flavour) == []
                assert choice_of(given, site(choice.flavour)).flavour is choice.flavour
                assert choice.flavour.gpu is None or runs_on(package, choice.flavour.gpu)


@pytest.mark.parametrize(
    ("plugin", "version", "package", "step", "before", "now"),
    [
        ("scipion-em-relion", "5.0.2", {"relion": "5.0"}, "ProtRelionClassify2D", "card-3.7", "card-5.0"),
        ("scipion-em-motioncorr", "4.0.1", {"motioncor3": "1.2.4"}, "", "card-5.0", "card-5.2"),
        ("scipion-em-resmap", "3.0.3", {"resmap": "1.95"}, "ProtResMap", "card-5.0", "card-6.0"),
        ("scipion-em-tomotwin", "3.5.3", {"tomotwin": "0.9.1"}, "ProtTomoTwinBase", "card-5.0", "card-7.0"),
    ],
)
def test_a_card_that_the_program_cannot_use_is_not_taken(
    plugin: str, version: str, package: dict[str, str], step: str, before: str, now: str
) -> None:
    given = project({"plugins": {plugin: version}, "em_packages": package}, [step] if step else [])
    flavours = {flavour.name: flavour for flavour in FLAVOURS}
    choice = choice_of(given, site(flavours[before], flavours[now]))
    assert choice.flavour is flavours[now]
    assert "compute_capability" in [misfit.need for misfit in choice.verdicts[0].misfits]
    assert choice.needs.compute_capability.source.startswith("the catalogue: ")


def test_a_required_package_insists_on_a_card_whatever_the_steps() -> None:
    given = project({"em_packages": {"motioncor3": "1.2.4"}}, ["ProtImportMovies"])
    assert choice_of(given, site(CPU, FLAVOURS[-1])).flavour is FLAVOURS[-1]
    on = site(CPU, FLAVOURS[0])
    error = nothing_fits(choice_of(given, on), on, "p.json")
    assert isinstance(error, InputError)
    (problem,) = error.problems
    assert (problem.path, problem.message[:44]) == (
        "$.software.em_packages", "motioncor3 1.2.4 cannot run without a GPU, a",
    )  # fmt: skip


def test_an_optional_package_that_no_step_uses_asks_for_nothing() -> None:
    given = project({"em_packages": {"relion": "5.0"}}, ["ProtImportMovies"])
    assert choice_of(given, site(CPU, FLAVOURS[-1])).flavour is CPU


def test_what_the_project_file_asks_for_goes_before_a_package() -> None:
    given = project({"em_packages": {"motioncor3": "1.2.4"}}, needs={"compute_capability": 3.5})
    assert choice_of(given, site(FLAVOURS[3])).flavour is FLAVOURS[3]
    none = project({"em_packages": {"motioncor3": "1.2.4"}}, needs={"gpus": 0})
    assert choice_of(none, site(CPU, FLAVOURS[3])).flavour is CPU


def own(**facts: Any) -> tuple[Any, Project]:
    """A catalogue whose tool calls a program with these facts, and a project with it."""
    program = EmPackageVersion("program", "1", Listed(), label="1", **facts)
    tool = PluginVersion("tool", "1", ("1.0",), protocols=FACTS, em_packages={"program": ("1",)})
    catalogue = replace(CATALOGUE, plugins={"tool": {"1": tool}}, em_packages={"program": {"1": program}})
    given = project(
        {"scipion": "1.0", "plugins": {"tool": "1"}, "em_packages": {"program": "1"}}, ["Pick", "AlignOnGpu", "Refine"]
    )
    return catalogue, given


def users(catalogue: Any, given: Project, driver: str = "") -> list[bool]:
    return [step.uses_gpu for step in workload_of(given, catalogue, driver).steps]


def test_memory_that_a_program_takes_whatever_the_data() -> None:
    catalogue, given = own(gpu="optional", gpu_memory_gb=Number(20, "a manual"))
    found = needs_of(workload_of(given, catalogue))
    assert found.gpu_memory_gb.value == 20 and found.gpu_memory_gb.source == "the catalogue: a manual"
    assert found.gpu_memory_gb.of.endswith("with program 1")


def test_a_driver_that_is_too_old_for_the_program_leaves_it_on_the_cpu() -> None:
    catalogue, given = own(gpu="optional", cuda=">=11.5")
    assert users(catalogue, given, "11.2") == [False, True, False]  # one requires a card
    assert users(catalogue, given, "11.5") == [False, True, True]
    assert users(catalogue, given) == [False, True, True]


@pytest.mark.parametrize("gpu", ["optional", "required"])
def test_each_part_of_the_plan_counts_its_own_programs(gpu: str) -> None:
    catalogue, given = own(gpu=gpu, compute_capability=Number(7.0, "a manual"))
    given = replace(given, workflow=replace(given.workflow, protocols=given.workflow.protocols[::2]))
    on = site(*FLAVOURS, CPU)
    work = workload_of(given, catalogue)
    found = plan(work, choose(needs_of(work), on), on)
    assert [part.flavour.name for part in found.parts] == ["cpu", "card-7.0"]
