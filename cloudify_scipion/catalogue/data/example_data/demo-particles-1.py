"""Writes a small cryo-EM example: noisy single particles of two kinds, and the truth.

    python demo-particles-1.py FOLDER

particles.mrcs: 160 images of 64 x 64 pixels at 4 A/pixel, protein white, background normalised (mean 0, sigma 1), each
one particle turned and shifted at random. truth.mrcs: the two kinds without noise, a seven-fold ring (a chaperonin seen
from its end) and a Y (an antibody). kinds.txt: the kind (1 or 2) of each particle. The same bytes on every run.
"""

import struct
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]
SIZE = 64  # pixels
PIXEL = 4.0  # A
COUNT = 160
SIGNAL = 1.1  # brightest pixel of a particle, in sigmas of the noise
SHIFT = 2.0  # largest shift in each direction, pixels
SEED = 20170817

# Gaussian blobs: x, y, radius (all in pixels from the centre) and weight.
Blob = tuple[float, float, float, float]


def ring() -> list[Blob]:
    """Seven subunits, each of an outer and a smaller inner domain, around an empty channel."""
    blobs: list[Blob] = []
    for angle in np.arange(7) * 2 * np.pi / 7:
        blobs.append((14.5 * np.cos(angle), 14.5 * np.sin(angle), 3.4, 1.0))
        blobs.append((8.8 * np.cos(angle + 0.25), 8.8 * np.sin(angle + 0.25), 2.2, 0.7))
    return blobs


def antibody() -> list[Blob]:
    """Two arms and a stem, of two pairs of domains each, joined by a hinge."""
    blobs: list[Blob] = [(0.0, 0.5, 2.0, 0.6)]
    for angle, start in ((0.62, 5.5), (np.pi - 0.62, 5.5), (-np.pi / 2, 5.0)):
        across = np.array([-np.sin(angle), np.cos(angle)])
        for along in (start, start + 8.0):
            for side in (-2.3, 2.3):
                x, y = along * np.array([np.cos(angle), np.sin(angle)]) + side * across
                blobs.append((float(x), float(y), 2.7, 0.9))
    return blobs


def draw(blobs: list[Blob], angle: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> Image:
    """The projection of an object turned by `angle` (radians) and then shifted (pixels); its brightest pixel is 1."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2.0
    image = np.zeros((SIZE, SIZE))
    for bx, by, radius, weight in blobs:
        cx = bx * np.cos(angle) - by * np.sin(angle) + shift[0]
        cy = bx * np.sin(angle) + by * np.cos(angle) + shift[1]
        image += weight * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * radius**2))
    return np.asarray(image / image.max())


def particles(kinds: list[list[Blob]]) -> tuple[Image, list[int]]:
    """The noisy stack, and the number of the kind of each image."""
    random = np.random.RandomState(SEED)  # its stream is fixed for all versions of numpy
    stack, numbers = [], []
    for _ in range(COUNT):
        number = random.randint(len(kinds))
        shift = (random.uniform(-SHIFT, SHIFT), random.uniform(-SHIFT, SHIFT))
        clean = draw(kinds[number], random.uniform(0, 2 * np.pi), shift)
        stack.append(SIGNAL * clean + random.normal(size=clean.shape))
        numbers.append(number + 1)
    return np.array(stack), numbers


def write_stack(path: Path, stack: Image) -> None:
    """An MRC 2014 stack of 32-bit floats."""
    data = stack.astype("<f4")
    count, rows, columns = data.shape
    header = bytearray(1024)
    struct.pack_into("<4i", header, 0, columns, rows, count, 2)
    struct.pack_into("<3i", header, 28, columns, rows, 1)
    struct.pack_into("<6f", header, 40, columns * PIXEL, rows * PIXEL, PIXEL, 90, 90, 90)
    struct.pack_into("<3i", header, 64, 1, 2, 3)
    struct.pack_into("<3f", header, 76, data.min(), data.max(), data.mean())
    struct.pack_into("<i", header, 108, 20140)
    header[208:216] = b"MAP " + bytes((0x44, 0x44, 0, 0))
    struct.pack_into("<f", header, 216, data.std())
    path.write_bytes(bytes(header) + data.tobytes())


def main(folder: Path) -> None:
    """Write all files."""
    kinds = [ring(), antibody()]
    stack, numbers = particles(kinds)
    write_stack(folder / "particles.mrcs", stack)
    write_stack(folder / "truth.mrcs", np.array([draw(kind) for kind in kinds]))
    (folder / "kinds.txt").write_text("".join(f"{number}\n" for number in numbers))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
