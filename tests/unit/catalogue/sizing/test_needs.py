"""What a project needs, and the reasons given."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from cloudify_scipion.catalogue.sizing.needs import ASKED, NO_WORKFLOW
from cloudify_scipion.catalogue.sizing.steps import Step
from cloudify_scipion.catalogue.software.check_document import document_problems, unknown_in_document
from cloudify_scipion.cli.choose_text import step_notes
from cloudify_scipion.project.model import Project
from tests.unit.catalogue.sizing.samples import (
    CATALOGUE,
    EMPIAR_10061,
    FACTS,
    SUBSET_AT_LOW_RESOLUTION,
    USUAL,
    needs,
    project,
    work,
)


def noted(given: Project) -> list[str]:
    return list(step_notes(work(given)))


def test_super_resolution_movies_need_60_gb_and_a_gpu() -> None:
    found = needs(project(*USUAL))
    assert found.ram_gb.value == 60
    movie, system = found.ram_gb.terms
    assert found.ram_gb.of == "align (Align, protocol 2)"
    assert [factor.value for factor in movie.factors] == [7676, 7420, 38, 4]
    assert movie.before_later == pytest.approx(8.66, abs=0.01) and movie.unit == "GB a movie"
    assert [(factor.value, factor.source) for factor in movie.later] == [
        (6.6, "calibrated: IBERGRID 2018 talk, IFCA tests")
    ]
    assert system.value == 2
    assert (found.gpus.value, found.gpu_memory_gb.value) == (1, 8)
    assert 3.5 < found.compute_capability.value <= 3.7
    assert found.gpu_users == ("classify2d (Classify2D, protocol 5)", "refine (Refine, protocol 6)")


def test_the_subset_at_low_resolution_needs_more_than_15_gb_and_at_most_22() -> None:
    found = needs(project(*USUAL, acquisition=SUBSET_AT_LOW_RESOLUTION))
    assert 15 < found.ram_gb.value <= 22
    binned = found.ram_gb.terms[0].factors[-1]
    assert (binned.value, binned.amount) == (2, 1 / 4) and binned.source.startswith("RELION's source code")


def test_the_workflows_own_binning_counts() -> None:
    assert needs(project("Align", binFactor="2.0")).ram_gb.value < needs(project("Align")).ram_gb.value
    unbinned = project("Align", acquisition=SUBSET_AT_LOW_RESOLUTION, binFactor=1.0)
    assert needs(unbinned).ram_gb.value == 60


@pytest.mark.parametrize("odd", [0, -2, "inf", "nan", "1e9", 10**400])
def test_a_binning_that_cannot_be_is_not_believed(odd: object) -> None:
    assert needs(project("Align", binFactor=odd)).ram_gb == needs(project("Align")).ram_gb


def test_more_processes_hold_more_movies() -> None:
    assert needs(project("Align", numberOfMpi=3)).ram_gb.value == 60
    found = needs(project("Align", numberOfMpi=4))
    assert found.ram_gb.value == 72  # 4 x 2 copies of 8.66 GB, and 2 GB
    (copies,) = found.ram_gb.terms[0].later
    assert copies.value == 8 and copies.source.startswith("4 movies at once")


def test_cards_that_align_hold_a_movie_each() -> None:
    found = needs(project("AlignOnGpu", gpuList="0 1 2 3"))
    assert found.ram_gb.value == 72 and found.gpus.value == 4


def test_memory_of_a_refinement_grows_with_the_box() -> None:
    small, large = (needs(project("Refine", acquisition={"box_size": box})) for box in (256, 512))
    assert (small.ram_gb.value, large.ram_gb.value) == (8, 45)  # 2 + 2 x 160 bytes x box^3
    assert (small.gpu_memory_gb.value, large.gpu_memory_gb.value) == (8, 11)
    assert [factor.amount for factor in large.ram_gb.terms[0].factors] == [160, 512**3, 1, 2]
    assert [factor.amount for factor in large.gpu_memory_gb.terms[0].factors] == [80, 512**3]


def test_particles_read_into_memory_count_with_the_volumes() -> None:
    counts = {"box_size": 200, "particles": 100_000}
    found = needs(project("Classify2D", acquisition=counts, allParticlesRam=True))
    assert found.ram_gb.value == 18  # 16 GB of particles: what the form's own help says
    more = needs(project("Refine", acquisition=counts, allParticlesRam="True"))
    assert more.ram_gb.value == 21


def test_the_box_is_that_of_the_particles_extracted_before() -> None:
    given = project("Extract", "Refine", "Extract", "Refine")
    boxes = [{"boxSize": 256, "doRescale": True, "rescaledSize": 64}, {}, {"boxSize": 256}, {}]
    for protocol, own in zip(given.workflow.protocols, boxes, strict=True):
        protocol.update(own)  # type: ignore[attr-defined]
    assert [step.box for step in work(given).steps] == [64, 64, 256, 256]


@pytest.mark.parametrize("missing", ["detector", "frames"])
def test_unknown_movies_are_taken_for_a_typical_project(missing: str) -> None:
    known = {key: value for key, value in EMPIAR_10061.items() if key != missing}
    found = needs(project("Align", acquisition=known))
    assert found.ram_gb.value == 20
    typical = found.ram_gb.terms[0]
    assert (typical.value, typical.missing) == (18, "detector or frames are")
    assert typical.factors[0].source.startswith("IBERGRID 2018 talk")


def test_without_a_workflow_it_is_a_typical_project() -> None:
    found = needs(project())
    assert (found.cpus.value, found.ram_gb.value, found.gpus.value) == (12, 20, 1)
    assert all(need.of == NO_WORKFLOW for need in (found.cpus, found.ram_gb, found.gpus))
    assert found.gpu_required_by == ()


def test_cores_are_threads_times_processes() -> None:
    assert needs(project("Align", "Refine", numberOfThreads=2)).cpus.value == 6
    assert needs(project("Align", numberOfThreads="16", numberOfMpi="2")).cpus.value == 32
    assert needs(project("Ctf")).cpus.value == 4  # 0 threads in the form: none of its own


@pytest.mark.parametrize(
    ("name", "parameters", "cards"),
    [
        ("Refine", {}, 1),
        ("Refine", {"doGpu": False}, 0),
        ("Refine", {"doGpu": "false"}, 0),
        ("Refine", {"useGpu": True, "gpuList": "0 1"}, 2),
        ("Refine", {"doGpu": True, "gpusToUse": "0:1:2"}, 3),
        ("Refine", {"doGpu": True, "gpusToUse": ""}, 1),
        ("Refine", {"doGpu": True, "gpusToUse": "3"}, 1),
        ("AlignOnGpu", {"useGpu": False}, 1),
        ("Align", {"gpuList": "0 1"}, 0),
        ("Unheard", {"useGpu": True}, 1),
        ("Unheard", {}, 0),
    ],
)
def test_gpus(name: str, parameters: dict[str, Any], cards: int) -> None:
    found = needs(project(name, **parameters))
    assert found.gpus.value == cards
    assert (found.gpu_memory_gb.value > 0) == (found.compute_capability.value > 0) == (cards > 0)
    assert found.gpus.source


def test_what_is_asked_for_goes_first() -> None:
    found = needs(project(*USUAL, needs={"ram_gb": 30, "gpus": 2, "compute_capability": 3.5}))
    assert [found.ram_gb.value, found.gpus.value, found.compute_capability.value] == [30, 2, 3.5]
    assert {found.ram_gb.source, found.gpus.source, found.compute_capability.source} == {ASKED}
    assert found.gpu_memory_gb.value == 8 and found.gpu_memory_gb.source != ASKED


def test_no_gpu_asked_for_where_one_is_required() -> None:
    document = {"software": {"scipion": "1.0", "plugins": {"tool": "1"}}, "needs": {"gpus": 0}}
    for problems_of in (partial(document_problems, site=None), unknown_in_document):
        given = [1, *project("AlignOnGpu", "Refine").workflow.protocols]
        needing = [item for item in problems_of(document, given, catalogue=CATALOGUE) if item[0] == "$.needs.gpus"]
        assert [message for _, message in needing] == [
            "alignongpu (AlignOnGpu, protocol 1) cannot run without a GPU; at least 1, or leave the step out"
        ]
        assert "$.needs.gpus" not in dict(problems_of(document, given[2:], catalogue=CATALOGUE))
        assert "$.needs.gpus" not in dict(problems_of({**document, "needs": {}}, given, catalogue=CATALOGUE))


def test_a_host_of_the_facility_and_unknown_classes_are_noted() -> None:
    notes = noted(project("Unheard", hostName="cluster"))
    assert "nothing is known of Unheard" in notes[0]
    assert "names the host 'cluster'" in notes[1]
    assert noted(project("Align", hostName="localhost")) == []


@pytest.mark.parametrize(
    "value", [None, "", "x", True, float("nan"), float("inf"), "1e400", "1e200", 10**400, -3, [1], {}]
)
def test_values_of_a_workflow_cannot_break_it(value: object) -> None:
    step = Step("1", FACTS["Refine"], {"numberOfThreads": value, "numberOfMpi": value, "gpusToUse": value})
    assert step.cores >= 1 and step.cards >= 1
    given = project(*USUAL, numberOfThreads=value, binFactor=value, numberOfClasses=value, boxSize=value)
    assert needs(given).ram_gb.value >= 4


def test_what_a_workflow_says_of_itself_is_one_short_line() -> None:
    (step,) = work(project("Refine", doGpu="x\ny", **{"object.label": "a\n\nchoice: b" + "c" * 10_000})).steps
    assert step.name.startswith("a choice: bccc")
    assert len(step.name) < 120
    assert step.switch == "doGpu: x y"


def test_binning_that_the_project_file_and_a_step_tell_differently() -> None:
    by_two = {**EMPIAR_10061, "bin_factor": 2}
    (silent,) = noted(project("Align", acquisition=by_two))
    assert silent.endswith("with acquisition.bin_factor, 2; Scipion's default, 1, takes 4 times as much")
    (other,) = noted(project("Align", acquisition=by_two, binFactor="1.0"))
    assert other == "align (Align, protocol 1) bins by 1.0: that counts, and not acquisition.bin_factor, 2"
    assert noted(project("Align", acquisition=by_two, binFactor=2)) == []
    assert noted(project("Align", "Pick", binFactor="odd")) == []
    assert noted(project("Align")) == []
