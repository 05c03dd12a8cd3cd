"""The choice of a flavour: the findings of the IBERGRID 2018 talk, and what must hold for any needs and flavours."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudify_scipion.catalogue.sizing.choose_flavour import Choice, Misfit, choose, misfits, size, smallest
from cloudify_scipion.catalogue.sizing.needs import Need, Needs
from cloudify_scipion.cli.choose_text import (
    choice_notes,
    duration_text,
    misfit_texts,
    nothing_fits,
    verdict_text,
)
from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.site import Flavour, GpuModel, Site
from tests.unit.catalogue.sizing.samples import (
    EXAMPLE_CLOUD,
    IFCA,
    SUBSET_AT_LOW_RESOLUTION,
    USUAL,
    needs,
    project,
    site,
)

# fmt: off
REJECTED = {
    "g1.xlarge": "it has 5 GB of RAM of 60 GB; it has 1 core of 6; its NVIDIA GT200GL has 4 GB of 8 GB; "
                 "its NVIDIA GT200GL has compute capability 1.3, below 3.7.",
    "g1.2xlarge": "it has 10 GB of RAM of 60 GB; it has 2 cores of 6; its NVIDIA GT200GL has 4 GB of 8 GB; "
                  "its NVIDIA GT200GL has compute capability 1.3, below 3.7.",
    "g1.4xlarge": "it has 20 GB of RAM of 60 GB; it has 4 cores of 6; its NVIDIA GT200GL has 4 GB of 8 GB; "
                  "its NVIDIA GT200GL has compute capability 1.3, below 3.7.",
    "g3.large": "it has 22 GB of RAM of 60 GB.",
    "g4.large": "it has 2.5 GB of RAM of 60 GB; it has 1 core of 6.",
    "g4.xlarge": "it has 3.75 GB of RAM of 60 GB; it has 2 cores of 6.",
    "g4.2xlarge": "it has 7.5 GB of RAM of 60 GB; it has 4 cores of 6.",
    "g4.4xlarge": "it has 15 GB of RAM of 60 GB.",
    "g4.6xlarge": "it has 30 GB of RAM of 60 GB.",
}
# fmt: on
MOVIES = project(*USUAL, numberOfThreads=2, numberOfMpi=3)


def sentences(choice: Choice) -> dict[str, str]:
    return {verdict.flavour.name: verdict_text(verdict, choice) for verdict in choice.verdicts}


def refusal(choice: Choice, on: Site) -> Problem:
    """Why there is no flavour, where somebody insists on a GPU."""
    error = nothing_fits(choice, on, "p.json")
    assert choice.refused and isinstance(error, InputError)
    (problem,) = error.problems
    return problem


def test_super_resolution_movies_take_g2_large_and_every_other_is_rejected_with_all_its_reasons() -> None:
    choice = choose(needs(MOVIES), IFCA)
    assert choice.flavour is not None and choice.flavour.name == "g2.large"
    assert sentences(choice) == {
        "g2.large": "g2.large: the smallest that fits.",
        **{name: f"{name} does not fit: {why}" for name, why in REJECTED.items()},
    }
    assert "2 weeks" in duration_text(choice) and not choice.without_gpu


def test_the_subset_at_low_resolution_takes_g3_large() -> None:
    subset = project(*USUAL, acquisition=SUBSET_AT_LOW_RESOLUTION, numberOfThreads=2, numberOfMpi=3)
    choice = choose(needs(subset), IFCA)
    assert choice.flavour is not None and choice.flavour.name == "g3.large"
    by_name = {verdict.flavour.name: verdict for verdict in choice.verdicts}
    assert by_name["g4.4xlarge"].misfits == (Misfit("ram_gb", 15, 17),)
    assert by_name["g2.large"].misfits == ()
    assert sentences(choice)["g2.large"].startswith(
        "g2.large fits, but is larger than g3.large (GB of RAM: 60 against 22)"
    )


def test_without_a_fitting_gpu_it_takes_months_in_place_of_weeks() -> None:
    cpus = replace(EXAMPLE_CLOUD, flavours=tuple(f for f in EXAMPLE_CLOUD.flavours if not f.gpus))
    old = replace(cpus, flavours=(*cpus.flavours, IFCA.flavours[0]))
    for given_site in (cpus, old):
        choice = choose(needs(MOVIES), given_site)
        assert choice.without_gpu and choice.flavour is not None and choice.flavour.name == "c1.large"
        assert "2 months in place of 2 weeks" in duration_text(choice)
        assert "4.3 times as long: IBERGRID 2018 talk" in duration_text(choice)
        assert any("classify2d (Classify2D, protocol 5)" in note for note in choice_notes(choice, given_site))
    assert Misfit("compute_capability", 1.3, 3.7) in choice.verdicts[-1].misfits
    assert choice.verdicts[2].fits_on_cpu and sentences(choice)["c1.xlarge"] == (
        "c1.xlarge does not fit: it has no graphics card of 1; "
        "without a GPU it fits, but is larger than c1.large (GB of RAM: 128 against 64)."
    )


def test_a_site_without_cpu_flavours_says_so() -> None:
    old_cards = replace(IFCA, flavours=IFCA.flavours[:3])
    choice = choose(needs(project("Classify2D", acquisition={}, numberOfMpi=1)), old_cards)
    assert choice.flavour is not None and choice.flavour.name == "g1.xlarge"
    assert "ifca has no CPU flavour" in choice_notes(choice, old_cards)


def test_a_protocol_that_requires_a_gpu_is_refused_without_one() -> None:
    given_project = project("AlignOnGpu", "Refine")
    cpus = replace(EXAMPLE_CLOUD, flavours=EXAMPLE_CLOUD.flavours[:3])
    choice = choose(needs(given_project), cpus)
    assert choice.flavour is None and duration_text(choice) == ""
    problem = refusal(choice, cpus)
    assert (problem.source, problem.path) == ("p.json", "$.workflow")
    assert problem.message.startswith("alignongpu (AlignOnGpu, protocol 1) cannot run without a GPU")
    assert "no flavour of example-cloud has 1 with 8 GB and compute capability 3.7" in problem.message
    assert problem.message.endswith("take another site, ask for less (needs), or leave the step out")


@pytest.mark.parametrize("asked", [{"gpus": 9}, {"gpu_memory_gb": 999}, {"compute_capability": 99}])
@pytest.mark.parametrize("name", ["Classify2D", "Pick"])
def test_a_card_that_is_asked_for_is_not_given_up(name: str, asked: dict[str, float]) -> None:
    choice = choose(needs(project(name, needs=asked)), EXAMPLE_CLOUD)
    assert choice.flavour is None and not choice.without_gpu
    problem = refusal(choice, EXAMPLE_CLOUD)
    assert (problem.source, problem.path) == ("p.json", "$.needs")
    assert problem.message.startswith("a GPU is asked for, and no flavour of example-cloud has ")
    assert problem.message.endswith("take another site, or ask for less")


def test_no_card_asked_for_is_no_need_of_one() -> None:
    choice = choose(needs(project("Classify2D", needs={"gpus": 0})), EXAMPLE_CLOUD)
    assert choice.flavour is not None and choice.flavour.gpus == 0 and not choice.refused


def test_steps_that_must_do_without_the_gpu_are_named() -> None:
    choice = choose(needs(project("Pick", "Refine", needs={"gpus": 0})), EXAMPLE_CLOUD)
    assert [*choice_notes(choice, EXAMPLE_CLOUD)] == [
        "steps that would use a GPU must be set to the CPU: refine (Refine, protocol 2)"
    ]
    assert [*choice_notes(choose(needs(project("Pick")), EXAMPLE_CLOUD), EXAMPLE_CLOUD)] == []


def test_reasons_are_true_to_the_last_digit() -> None:
    card = GpuModel("card", 7.9999999, 3.68)
    odd = site(Flavour("odd", 8, 59.9999999, 19.9999999, gpus=1, gpu=card))
    wanted = needs(project("Refine", needs={"ram_gb": 60, "gpus": 1, "cpus": 1}))
    assert misfit_texts(choose(wanted, odd).verdicts[0]) == [
        "it has 59.9999999 GB of RAM of 60 GB",
        "its root disk has 19.9999999 GB of 20 GB",
        "its card has 7.9999999 GB of 8 GB",
        "its card has compute capability 3.68, below 3.7",
    ]


def test_nothing_fits() -> None:
    choice = choose(needs(project("Pick", needs={"ram_gb": 1000})), IFCA)
    assert choice.flavour is None and not choice.refused
    assert all(verdict.misfits for verdict in choice.verdicts)


def test_a_disk_of_0_is_no_limit() -> None:
    found = needs(project("Pick"))
    assert smallest(found, [Flavour("a", 8, 8, disk_gb=0)]) is not None
    assert list(misfits(found, Flavour("a", 8, 8, disk_gb=10))) == [Misfit("disk_gb", 10, 20)]


def test_smaller_means_gpus_then_ram_then_cores_then_disk_then_name() -> None:
    found = needs(project("Pick"))
    ordered = [
        Flavour("z", 99, 99, 99), Flavour("y", 8, 100, 99), Flavour("x", 9, 100, 30),
        Flavour("v", 9, 100, 40), Flavour("w", 9, 100, 40), Flavour("a", 8, 50, 30, gpus=1, gpu=GpuModel("g", 8, 9)),
    ]  # fmt: skip
    assert sorted(ordered, key=size) == ordered
    for index in range(len(ordered)):
        assert smallest(found, reversed(ordered[index:])) == ordered[index]


_CARDS = st.builds(GpuModel, st.sampled_from("ab"), st.sampled_from([4, 8, 12]), st.sampled_from([1.3, 3.5, 3.7, 6.1]))


@st.composite
def _flavours(draw: st.DrawFn) -> list[Flavour]:
    names = draw(st.lists(st.text("abcdef", min_size=1, max_size=3), unique=True, max_size=6))
    return [
        Flavour(
            name,
            draw(st.integers(1, 16)),
            draw(st.sampled_from([2.5, 15, 16, 22, 60, 64])),
            draw(st.sampled_from([0, 10, 60])),
            gpus=(gpus := draw(st.integers(0, 3))),
            gpu=draw(_CARDS) if gpus else None,
        )
        for name in names
    ]


@st.composite
def _needs(draw: st.DrawFn) -> Needs:
    values = [
        draw(st.integers(1, 16)), draw(st.integers(1, 70)), draw(st.sampled_from([5, 20])), draw(st.integers(0, 3)),
        draw(st.sampled_from([0, 4, 8, 11])), draw(st.sampled_from([0, 3.5, 3.7])),
    ]  # fmt: skip
    cpus, ram, disk, gpus, memory, capability = (Need(value, "drawn") for value in values)
    required = ("step",) if draw(st.booleans()) else ()
    return Needs(cpus, ram, disk, gpus, memory, capability, gpu_required_by=required)


def enough(needs: Needs, flavour: Flavour) -> bool:
    """Whether a flavour is enough, said once more and in another way."""
    machine = flavour.cpus >= needs.cpus.value and flavour.ram_gb >= needs.ram_gb.value
    machine = machine and (flavour.disk_gb == 0 or flavour.disk_gb >= needs.disk_gb.value)
    if not needs.gpus.value:
        return machine
    card = flavour.gpu
    good = card is not None and card.memory_gb >= needs.gpu_memory_gb.value
    good = good and card is not None and card.compute_capability >= needs.compute_capability.value
    return machine and good and flavour.gpus >= needs.gpus.value


@settings(max_examples=60, deadline=None)
@given(_needs(), _flavours())
def test_never_too_small_and_never_larger_than_another_that_fits(wanted: Needs, flavours: list[Flavour]) -> None:
    choice = choose(wanted, site(*flavours))
    fitting = [flavour for flavour in flavours if enough(choice.needs, flavour)]
    if choice.flavour is None:
        assert fitting == [] or choice.refused
    else:
        assert enough(choice.needs, choice.flavour)
        assert all(size(choice.flavour) <= size(flavour) for flavour in fitting)
    if choice.without_gpu:
        assert not any(enough(wanted, flavour) for flavour in flavours) and not wanted.gpu_required_by


@settings(max_examples=60, deadline=None)
@given(_needs(), _flavours(), st.randoms())
def test_reasons_are_complete_and_the_order_of_flavours_does_not_matter(
    wanted: Needs, flavours: list[Flavour], random: object
) -> None:
    choice = choose(wanted, site(*flavours))
    assert [verdict.flavour for verdict in choice.verdicts] == flavours
    for verdict in choice.verdicts:
        sentence = sentences(choice)[verdict.flavour.name]
        assert sentence.startswith(verdict.flavour.name) and sentence.endswith(".")
        if verdict.flavour != choice.flavour:
            assert bool(verdict.misfits) != enough(wanted, verdict.flavour)
    shuffled = list(flavours)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = choose(wanted, site(*shuffled))
    assert again.flavour == choice.flavour
    assert sentences(again) == sentences(choice)


@settings(max_examples=60, deadline=None)
@given(_needs(), _flavours(), _flavours())
def test_another_flavour_never_makes_the_choice_larger(wanted: Needs, some: list[Flavour], more: list[Flavour]) -> None:
    names = {flavour.name for flavour in some}
    every = [*some, *(flavour for flavour in more if flavour.name not in names)]
    before, after = smallest(wanted, some), smallest(wanted, every)
    if before is not None:
        assert after is not None and size(after) <= size(before)


@settings(max_examples=60, deadline=None)
@given(_needs(), _flavours(), st.integers(0, 5))
def test_less_is_never_answered_with_more(wanted: Needs, flavours: list[Flavour], less: int) -> None:
    modest = replace(wanted, ram_gb=Need(max(1, wanted.ram_gb.value - less), "less"))
    before, after = smallest(wanted, flavours), smallest(modest, flavours)
    assert before is None or (after is not None and size(after) <= size(before))


@pytest.mark.parametrize("missing", ["ram_gb", "cpus", "gpus", "gpu_memory_gb", "compute_capability", "disk_gb"])
def test_each_need_alone_rejects(missing: str) -> None:
    card = GpuModel("card", 8, 3.7)
    flavour = Flavour("a", 4, 16, 20, gpus=1, gpu=card)
    fits = Needs(Need(4, ""), Need(16, ""), Need(20, ""), Need(1, ""), Need(8, ""), Need(3.7, ""))
    assert list(misfits(fits, flavour)) == []
    more = replace(fits, **{missing: Need(getattr(fits, missing).value + 1, "")})
    assert len(list(misfits(more, flavour))) == 1


def test_between_equals_the_smaller_disk_counts_ephemeral_and_all() -> None:
    much = Flavour("a", 8, 60, disk_gb=20, ephemeral_gb=100)
    little = Flavour("b", 8, 60, disk_gb=40)
    assert smallest(needs(project("Pick")), (much, little)) is little
