"""What the scientist is handed: the desktop with the class averages open. The picture of the README is made here."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium import webdriver

from tests.browser.desktop_browser import click, double_click, drag, open_desktop, pixels, screenshot
from tests.browser.pictures import KEEP
from tests.conftest import Demo
from tests.infra.class_averages import read_stack

pytestmark = pytest.mark.machine

PICTURE = Path(__file__).parents[2] / "docs/images/desktop.png"

# Where things are on a desktop of 1600x900 with Scipion's window maximised.
CLASSIFICATION, OUTPUT_CLASSES = (332, 320), (440, 694)
GALLERY, TITLE = (363, 198), (760, 143)
SHOWN = 250
"""Side of an image in the metadata viewer, in pixels, as it opens."""


def test_class_averages_open_from_the_protocols_output(demo: Demo, page: webdriver.Chrome, tmp_path: Path) -> None:
    (tmp_path / "averages.mrcs").write_bytes(class_averages(demo))
    averages = list(read_stack(tmp_path / "averages.mrcs"))
    open_desktop(page, demo.link())
    wait_for(lambda: tree_is_green(page), 60)
    click(page, *CLASSIFICATION)
    time.sleep(2)
    assert max(likeness(page, average) for average in averages) < 0.6
    double_click(page, *OUTPUT_CLASSES)
    wait_for(lambda: min(likeness(page, average) for average in averages[:1]) > 0.9, 60)
    click(page, *GALLERY)
    wait_for(lambda: min(likeness(page, average) for average in averages) > 0.9, 30)
    drag(page, TITLE, (1000, 245))
    time.sleep(2)
    picture = PICTURE if os.environ.get(KEEP) else tmp_path / "desktop.png"
    screenshot(page, picture)
    assert picture.stat().st_size > 50_000


def class_averages(demo: Demo) -> bytes:
    found = demo.run(["find", "/home/scipion/ScipionUserData/projects", "-name", "*_it*_classes.mrcs"]).split()
    return base64.b64decode(demo.run(["base64", sorted(found)[-1]]))


def grey(page: webdriver.Chrome) -> NDArray[np.float64]:
    return np.asarray(Image.open(pixels(page)).convert("L"), dtype=np.float64)


def tree_is_green(page: webdriver.Chrome) -> bool:
    """Whether the box of the classification has the green of a finished protocol."""
    colour = Image.open(pixels(page)).convert("RGB").getpixel((CLASSIFICATION[0], CLASSIFICATION[1] + 22))
    assert isinstance(colour, tuple)
    return colour[1] > 200 and colour[1] > colour[0] + 20 and colour[1] > colour[2] + 20


def likeness(page: webdriver.Chrome, average: NDArray[np.float64]) -> float:
    """Highest normalised correlation (-1 to 1) of an average, as large as the viewer shows it, with any place."""
    low, high = float(average.min()), float(average.max())
    image = Image.fromarray(np.uint8(255 * (average - low) / (high - low))).resize((SHOWN, SHOWN))
    screen, template = grey(page), np.asarray(image, dtype=np.float64)
    template -= template.mean()
    count, spectrum = template.size, np.fft.rfft2(screen)
    product = np.fft.irfft2(spectrum * np.fft.rfft2(template, screen.shape).conj(), screen.shape)
    ones = np.fft.rfft2(np.ones_like(template), screen.shape).conj()
    mean = np.fft.irfft2(spectrum * ones, screen.shape) / count
    square = np.fft.irfft2(np.fft.rfft2(screen**2) * ones, screen.shape) / count
    spread = np.sqrt(np.maximum(square - mean**2, 1.0) * count) * float(np.linalg.norm(template))
    return float((product / spread).max())


def wait_for(question: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.5)
