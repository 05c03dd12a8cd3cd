"""Hours of steps, the phase plan and what it saves; nothing is said that cannot be known."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from cloudify_scipion.catalogue.sizing import figures
from cloudify_scipion.catalogue.sizing.choose_flavour import choose
from cloudify_scipion.catalogue.sizing.hours import Hours, hours_of
from cloudify_scipion.catalogue.sizing.phases import FIRST, SECOND, Plan, plan, split
from cloudify_scipion.catalogue.sizing.terms import Figure
from cloudify_scipion.cli.choose import _saving
from cloudify_scipion.cli.choose_text import duration_text
from cloudify_scipion.project.model import Project
from cloudify_scipion.project.site import Flavour, GpuModel, Site
from tests.unit.catalogue.sizing.samples import EMPIAR_10061, EXAMPLE_CLOUD, IFCA, USUAL, needs, project, site, work

FIGURES = {name: value for name, value in vars(figures).items() if isinstance(value, Figure)}


def planned(given: Project, site: Site) -> Plan:
    return plan(work(given), choose(needs(given), site), site)


def hours(name: str, acquisition: dict[str, Any], cpus: int = 8, gpus: int = 0, **parameters: Any) -> float | None:
    given = project(name, acquisition=acquisition, **parameters)
    found = hours_of(work(given).steps[0], given.acquisition, cpus, gpus)
    assert found.step == f"{name.lower()} ({name}, protocol 1)"
    return found.value


def test_pick_and_extract_on_a_cpu_flavour_classify_and_refine_on_a_gpu_flavour() -> None:
    found = planned(project(*USUAL), EXAMPLE_CLOUD)
    first, second = found.parts
    assert (first.title, first.flavour.name, len(first.steps)) == (FIRST, "c1.large", 4)
    assert (second.title, second.flavour.name, len(second.steps)) == (SECOND, "gpu.t4", 2)
    assert found.because == ()


def test_what_it_saves_are_the_gpu_hours_of_the_first_part() -> None:
    found = planned(project(*USUAL), EXAMPLE_CLOUD)
    first, second = found.parts
    assert first.total and second.total and found.whole_hours
    assert found.whole_hours == pytest.approx(first.total + second.total)
    assert found.gpu_hours == pytest.approx(second.total)
    assert found.gpu_hours_saved == pytest.approx(first.total)
    assert found.hours_saved == pytest.approx(0)


def test_gpu_hours_count_all_cards_of_the_machine() -> None:
    two = replace(EXAMPLE_CLOUD, flavours=tuple(f for f in EXAMPLE_CLOUD.flavours if f.gpus != 1))
    found = planned(project(*USUAL), two)
    assert found.whole_hours and found.whole_gpu_hours == pytest.approx(2 * found.whole_hours)


def test_fewer_cores_in_the_second_part_cost_time_and_that_is_said() -> None:
    wide = project("Pick", "Classify2D", "Ctf", numberOfThreads=16, numberOfMpi=1)
    found = planned(wide, EXAMPLE_CLOUD)
    assert found.hours_saved == pytest.approx(0)
    narrow = project("Pick", "Classify2D", needs={"cpus": 8}, numberOfThreads=16, numberOfMpi=1)
    shorter = planned(narrow, replace(EXAMPLE_CLOUD, flavours=EXAMPLE_CLOUD.flavours[1:4]))
    assert shorter.hours_saved is not None and shorter.hours_saved > 1  # 16 cores to pick instead of 8


def test_a_site_without_cpu_flavours_says_so() -> None:
    found = planned(project(*USUAL), IFCA)
    assert found.because == ("ifca has no CPU flavour: to pick and extract it stays on g2.large",)
    assert [part.flavour.name for part in found.parts] == ["g2.large", "g3.large"]
    assert found.gpu_hours_saved == pytest.approx(0)


def test_too_small_cpu_flavours_are_told_from_none() -> None:
    small = replace(EXAMPLE_CLOUD, flavours=(EXAMPLE_CLOUD.flavours[0], *EXAMPLE_CLOUD.flavours[3:]))
    found = planned(project(*USUAL), small)
    assert found.because == ("example-cloud has no CPU flavour that fits: to pick and extract it stays on gpu.a10",)


def test_a_gpu_before_the_first_classification_is_said() -> None:
    found = planned(project("Import", "AlignOnGpu", "Pick", "Refine"), EXAMPLE_CLOUD)
    assert found.because[0].startswith("steps before the first classification use a GPU: alignongpu")
    assert found.parts[0].flavour.gpus == 1


@pytest.mark.parametrize(
    ("classes", "why"),
    [
        ((), "the workflow has no step to pick and extract"),
        (("Import", "Align"), "the workflow has no step to classify and refine"),
        (("Refine",), "the workflow has no step to pick and extract"),
    ],
)
def test_nothing_to_split(classes: tuple[str, ...], why: str) -> None:
    found = planned(project(*classes), EXAMPLE_CLOUD)
    assert found.parts == () and found.because[0].startswith(why)
    assert found.hours is None and found.gpu_hours_saved is None


def test_no_plan_without_a_gpu_or_without_a_flavour() -> None:
    assert planned(project(*USUAL, doGpu=False), EXAMPLE_CLOUD).because == (
        "no step runs on a graphics card: there is nothing to split",
    )
    assert planned(project(*USUAL, needs={"cpus": 999}), EXAMPLE_CLOUD).because == ("no flavour fits the project",)


def test_a_gpu_asked_for_is_for_the_second_part() -> None:
    found = planned(project(*USUAL, needs={"gpus": 2}), EXAMPLE_CLOUD)
    assert [part.flavour.name for part in found.parts] == ["c1.large", "gpu.2xa10"]


def test_what_is_asked_of_a_card_holds_for_a_first_part_that_uses_one() -> None:
    card = GpuModel("small", 4, 8.6)
    one = site(Flavour("one", 64, 500, gpus=1, gpu=card))
    found = planned(project("AlignOnGpu", "Refine", needs={"gpus": 1, "gpu_memory_gb": 2}), one)
    assert [part.needs.gpu_memory_gb.value for part in found.parts] == [2, 2]


def test_a_smaller_flavour_that_costs_more_gpu_hours_is_not_taken() -> None:
    card = GpuModel("card", 48, 8.6)
    slow, fast = (Flavour(name, cpus, ram, gpus=1, gpu=card) for name, cpus, ram in (("s", 1, 40), ("f", 64, 500)))
    given = project("Align", "Extract", "Classify2D", "Polish", needs={"cpus": 1}, numberOfMpi=1)
    found = planned(given, site(slow, fast, Flavour("c", 64, 500)))
    assert found.parts[1].flavour is fast
    assert found.gpu_hours_saved is not None and found.gpu_hours_saved > 0


def test_parts_follow_the_links_and_not_the_order_of_the_file() -> None:
    given = project("Refine", "Extract", "Import")
    protocols = [
        {**protocol, "object.id": str(number)}
        for protocol, number in zip(given.workflow.protocols, (3, 2, 1), strict=True)
    ]
    protocols[0]["inputParticles"], protocols[1]["inputCoordinates"] = "2.outputParticles", "1.outputCoordinates"
    given = replace(given, workflow=replace(given.workflow, protocols=tuple(protocols)))
    first, second = split(work(given))
    assert [step.number for step in first.steps] == ["1", "2"]
    assert [step.number for step in second.steps] == ["3"]


def test_a_second_extraction_belongs_to_the_second_part() -> None:
    first, second = split(work(project("Import", "Extract", "Classify2D", "Extract", "Refine")))
    assert [step.number for step in first.steps] == ["1", "2"]
    assert [step.number for step in second.steps] == ["3", "4", "5"]


@pytest.mark.parametrize("missing", ["movies", "particles", "box_size", "frames"])
def test_without_counts_nothing_is_said(missing: str) -> None:
    known = {key: value for key, value in EMPIAR_10061.items() if key != missing}
    found = planned(project(*USUAL, acquisition=known), EXAMPLE_CLOUD)
    assert found.whole_hours is None and found.gpu_hours_saved is None and found.hours_saved is None
    unknown = [item.missing for part in found.parts for item in part.hours if item.value is None]
    assert unknown and set(unknown) == {(f"acquisition.{missing}",)}


def test_hours_of_steps() -> None:
    assert hours("Align", EMPIAR_10061, numberOfThreads=8) == pytest.approx(1539 * 8.6573 * 240 / 8 / 3600, rel=1e-3)
    assert hours("Align", EMPIAR_10061, cpus=2, numberOfThreads=8) == pytest.approx(
        1539 * 8.6573 * 240 / 2 / 3600, rel=1e-3
    )
    assert hours("AlignOnGpu", EMPIAR_10061, gpus=1) == pytest.approx(1539 * 8.6573 * 10 / 3600, rel=1e-3)
    assert hours("Pick", EMPIAR_10061) == pytest.approx(1539 * 60 / 4 / 3600)
    assert hours("Import", {}) == 0 and hours("Sharpen", {}) == 0.1
    assert hours("Unheard", EMPIAR_10061) is None


def test_hours_of_classification_are_the_benchmarks() -> None:
    benchmark = {"particles": 105_247, "box_size": 360}
    one = hours("Classify3D", benchmark, gpus=1, numberOfClasses=6, numberOfIterations=25)
    assert one == pytest.approx(3.3)  # 198 minutes
    four = hours("Classify3D", benchmark, gpus=4, numberOfClasses=6, numberOfIterations=25, gpusToUse="0:1:2:3")
    assert four == pytest.approx(3.3 / 2.07, rel=0.01)
    without = hours("Classify3D", benchmark, gpus=0, numberOfClasses=6, numberOfIterations=25)
    assert without == pytest.approx(3.3 * 60 / 14)  # months in place of weeks
    half = hours("Classify3D", {**benchmark, "box_size": 180}, gpus=1, numberOfClasses=6, numberOfIterations=25)
    assert half == pytest.approx(3.3 / 4)


@pytest.mark.parametrize("name", FIGURES)
def test_every_number_has_a_source_or_says_that_it_is_an_estimate(name: str) -> None:
    source = FIGURES[name].source
    assert re.match(r"estimate: \w+|calibrated: |IBERGRID 2018 talk: |RELION|[0-9,]+ (particles|cards) ", source), (
        source
    )
    assert len(source) > 15


def test_every_hour_of_a_plan_has_its_formula() -> None:
    for part in planned(project(*USUAL), EXAMPLE_CLOUD).parts:
        assert [item.step for item in part.hours] == list(part.steps)
        for term in (item.term for item in part.hours if item.value):
            assert term is not None and any(factor.source for factor in term.factors)


def test_the_calibrated_number_is_what_the_talks_findings_allow() -> None:
    movie, system = 8.6573, figures.SYSTEM_RAM_GB.value
    copies = figures.MOVIE_COPIES.value
    assert 22 < movie * copies + system <= 60  # full resolution: g3.large is too small, g2.large is enough
    assert 15 < movie / 4 * copies + system <= 22  # low resolution: g4.4xlarge is too small, g3.large is enough


def test_cards_that_a_step_does_not_ask_for_do_not_make_it_faster() -> None:
    one, four = (hours("Refine", EMPIAR_10061, gpus=number, gpusToUse="0") for number in (1, 4))
    assert one == four
    more = hours("Refine", EMPIAR_10061, gpus=4, gpusToUse="0 1 2 3")
    assert one is not None and more is not None and more < one


@pytest.mark.parametrize(
    ("days", "words"), [(7, "1 week"), (14, "2 weeks"), (21, "3 weeks"), (30, "1 month"), (60, "2 months")]
)
def test_how_long_a_project_takes_follows_the_constants(days: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "WITH_GPU", Figure(days, "a measurement"))
    choice = choose(needs(project(*USUAL)), EXAMPLE_CLOUD)
    assert duration_text(choice) == f"about {words} for a typical project (a measurement)"


@pytest.mark.parametrize(
    ("hours_saved", "gpu_hours_saved", "text"),
    [
        (2.0, 5.0, "saves 5.0 GPU hours; computing takes 2.0 hours less ("),
        (-2.0, 5.0, "saves 5.0 GPU hours; computing takes 2.0 hours more ("),
        (0.01, 0.01, "saves no GPU hours; computing takes as long ("),
    ],
)
def test_a_saving_in_words(hours_saved: float, gpu_hours_saved: float, text: str) -> None:
    on_it = planned(project(*USUAL), EXAMPLE_CLOUD).parts[0]
    part = replace(on_it, hours=(Hours(10 - hours_saved, "step"),))
    whole = Plan((part,), (), whole_hours=10, whole_gpu_hours=10, gpu_hours=10 - gpu_hours_saved)
    assert _saving(whole).startswith(text)
