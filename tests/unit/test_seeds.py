"""Samples and orders that a seed decides."""

from __future__ import annotations

from tests.seeds import put_in_order, sample, seed


def test_a_seed_decides_the_sample_and_no_other_one_does() -> None:
    numbers = range(50)
    assert sample(numbers, 10, {"CLOUDIFY_SCIPION_SEED": "1"}) == sample(numbers, 10, {"CLOUDIFY_SCIPION_SEED": "1"})
    assert sample(numbers, 10, {"CLOUDIFY_SCIPION_SEED": "1"}) != sample(numbers, 10, {"CLOUDIFY_SCIPION_SEED": "2"})
    assert sample(numbers, 10, {"CLOUDIFY_SCIPION_SOAK": "1"}) == numbers
    assert seed({"CLOUDIFY_SCIPION_SEED": "1"}) == "1"
    assert len(seed({}).split("-")) == 3


def test_tests_are_shuffled_only_when_asked() -> None:
    tests = [*range(50)]
    put_in_order(tests, {})
    assert tests == [*range(50)]
    put_in_order(tests, {"CLOUDIFY_SCIPION_ORDER": "1"})
    assert tests != sorted(tests)
