"""The pictures of docs/: taken by tests, compared with what is committed, and written anew by `make pictures`."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.browser.target import DISPLAY
from tests.conftest import Demo

FOLDER = Path(__file__).parents[2] / "docs/images"
KEEP = "CLOUDIFY_SCIPION_NEW_PICTURE"
"""Set, the tests replace the documents' pictures by those that they take."""
LARGEST = 150_000
"""Bytes of a picture."""
BLOCK = 16
"""Side in pixels of what is compared: letters are averaged away, so that another time of day is the same picture."""
UNLIKE, MOST = 24.0, 8
"""So many levels of grey make a block another one, and more than so many blocks make another picture."""
_WINDOW = re.compile(r'^\S+\s+\S+\s+\S+\s+"(?P<title>[^"]*)".*?(\d+)x(\d+)\+(-?\d+)\+(-?\d+)$', re.MULTILINE)
AS_USER = ("runuser", "-u", "scipion", "--", "env", *DISPLAY)


def check_picture(name: str, image: Image.Image, folder: Path) -> None:
    """Compare with the committed one, or take its place. What was taken lies in `folder` for whoever looks."""
    small = image.convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE)
    committed = FOLDER / f"{name}.png"
    taken = committed if os.environ.get(KEEP) else folder / f"{name}.png"
    small.save(taken, optimize=True)
    assert taken.stat().st_size <= LARGEST, f"{name} is too large"
    count = unlike(image, Image.open(committed))
    assert count <= MOST, f"{count} places of {name} are not as in {committed}: look at {taken}; then make pictures"


def unlike(one: Image.Image, other: Image.Image) -> int:
    """In how many blocks two pictures differ."""
    if one.size != other.size:
        return one.width * one.height
    size = (one.width // BLOCK, one.height // BLOCK)
    first, second = (
        np.asarray(image.convert("L").resize(size, Image.Resampling.BOX), dtype=np.float64) for image in (one, other)
    )
    return int(np.sum(np.abs(first - second) > UNLIKE))


def windows(demo: Demo) -> dict[str, tuple[int, int, int, int]]:
    """The desktop's windows by title: width, height, left, top, without their frames."""
    told = demo.run([*AS_USER, "sh", "-c", "timeout 10 icesh -all list || true"])
    return {found["title"]: tuple(map(int, found.groups()[1:])) for found in _WINDOW.finditer(told)}  # type: ignore[misc]


def settled(take: Callable[[], io.BytesIO], seconds: float = 60.0) -> Image.Image:
    """The picture once it stays as it is for a second."""
    end, last = time.monotonic() + seconds, Image.open(take())
    while time.monotonic() < end:
        time.sleep(1)
        now = Image.open(take())
        if unlike(now, last) == 0:
            return now
        last = now
    raise TimeoutError(f"the picture still moves after {seconds} s")
