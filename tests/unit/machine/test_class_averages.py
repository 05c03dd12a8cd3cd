"""The check of class averages, on the demo's own particles."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


checks = load(ROOT / "tests/infra/class_averages.py")
demo = load(ROOT / "cloudify_scipion/catalogue/data/example_data/demo-particles-1.py")


@pytest.fixture(scope="module")
def ring() -> object:
    return demo.draw(demo.ring())


@pytest.fixture(scope="module")
def antibody() -> object:
    return demo.draw(demo.antibody())


def test_turned_and_shifted_objects_are_recognised(antibody: object) -> None:
    moved = demo.draw(demo.antibody(), angle=2.0, shift=(2.0, -3.0))
    assert checks.best_correlation(5 * moved + 7, antibody) > 0.95


def test_other_objects_inverted_contrast_and_noise_are_not(ring: object, antibody: object) -> None:
    noise = np.random.RandomState(1).normal(size=(demo.SIZE, demo.SIZE))
    assert checks.best_correlation(ring, antibody) < 0.7
    assert checks.best_correlation(noise, antibody) < 0.3
    assert checks.best_correlation(-np.asarray(antibody), antibody) < 0.3
    assert checks.best_correlation(np.zeros_like(antibody), antibody) == pytest.approx(0)


def test_the_order_of_the_classes_is_free(ring: object, antibody: object) -> None:
    assert min(checks.best_assignment([antibody, ring], [ring, antibody])) > 0.99
    assert min(checks.best_assignment([antibody, antibody], [ring, antibody])) < 0.7


def test_the_example_is_the_same_on_every_run_and_readable(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    for folder in (first, second):
        folder.mkdir()
        demo.main(folder)
    for name in ("particles.mrcs", "truth.mrcs", "kinds.txt"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert checks.read_stack(first / "particles.mrcs").shape == (demo.COUNT, demo.SIZE, demo.SIZE)
    assert len(checks.read_stack(first / "truth.mrcs")) == 2
