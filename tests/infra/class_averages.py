"""Do class averages show the true objects? Pure functions on images, and a reader for MRC stacks.

    python class_averages.py AVERAGES.mrcs TRUTH.mrcs

A classification is free to turn and shift its averages, so the correlation is the best over all in-plane rotations and
shifts; it does not mirror them or swap black and white, so neither do we. The order of the classes is free as well.
"""

from __future__ import annotations

import itertools
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]
ANGLES = np.arange(0.0, 360.0, 3.0)  # degrees


def read_stack(path: Path) -> Image:
    """All images of an MRC stack of 32-bit floats. Raises ValueError for any other."""
    data = path.read_bytes()
    columns, rows, count, mode = struct.unpack_from("<4i", data)
    (extended,) = struct.unpack_from("<i", data, 92)
    if mode != 2:
        raise ValueError(f"{path}: mode {mode}, not 32-bit floats")
    pixels = np.frombuffer(data, "<f4", count * rows * columns, 1024 + extended)
    return pixels.reshape(count, rows, columns).astype(np.float64)


def disc(size: int, radius: float) -> NDArray[np.bool_]:
    """True within `radius` pixels of the centre of a square image."""
    y, x = np.mgrid[0:size, 0:size] - size / 2
    return np.asarray(x**2 + y**2 <= radius**2)


def normalised(image: Image, mask: NDArray[np.bool_]) -> Image:
    """Mean 0 and length 1 inside the mask, 0 outside. A flat image becomes 0."""
    centred = np.where(mask, image - image[mask].mean(), 0.0)
    length = float(np.linalg.norm(centred))
    return centred / length if length > 0 else centred


def turned(image: Image, degrees: float) -> Image:
    """The image turned about its centre, bilinearly interpolated; what comes from outside is 0."""
    size = len(image)
    angle = np.deg2rad(degrees)
    y, x = np.mgrid[0:size, 0:size] - size / 2
    from_x = np.cos(angle) * x + np.sin(angle) * y + size / 2
    from_y = -np.sin(angle) * x + np.cos(angle) * y + size / 2
    inside = (from_x >= 0) & (from_y >= 0) & (from_x < size - 1) & (from_y < size - 1)
    left, top = (np.where(inside, np.floor(value), 0).astype(int) for value in (from_x, from_y))
    dx, dy = from_x - left, from_y - top
    upper = image[top, left] * (1 - dx) + image[top, left + 1] * dx
    lower = image[top + 1, left] * (1 - dx) + image[top + 1, left + 1] * dx
    return np.where(inside, upper * (1 - dy) + lower * dy, 0.0)


def best_correlation(average: Image, truth: Image, radius: float | None = None) -> float:
    """Highest correlation (-1 to 1) of two square images over all in-plane rotations and shifts.

    Only a disc of `radius` pixels counts; by default 0.42 of the side.
    """
    mask = disc(len(truth), radius or 0.42 * len(truth))
    spectrum = np.fft.fft2(normalised(average, mask))

    def over_shifts(degrees: float) -> float:
        reference = np.fft.fft2(normalised(turned(truth, degrees), mask))
        return float(np.fft.ifft2(spectrum * reference.conj()).real.max())

    return max(over_shifts(degrees) for degrees in ANGLES)


def best_assignment(averages: Sequence[Image], truths: Sequence[Image]) -> list[float]:
    """Correlation of each true image with an average of its own, for the assignment whose worst is best."""
    table = [[best_correlation(average, truth) for average in averages] for truth in truths]
    choices = itertools.permutations(range(len(averages)), len(truths))
    rows = ([table[i][j] for i, j in enumerate(choice)] for choice in choices)
    return max(rows, key=min)


if __name__ == "__main__":
    print(best_assignment(list(read_stack(Path(sys.argv[1]))), list(read_stack(Path(sys.argv[2])))))
