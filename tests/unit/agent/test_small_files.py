"""Small files of the data space: read by one call, and whole whatever size the data space told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudify_scipion.agent.ports.holes import pieces


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """It gives what there is, and whoever asks once more than that has to wait (EAGAIN)."""
    reading, writing = os.pipe2(os.O_NONBLOCK)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_a_small_file_is_read_by_one_call(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"12345")
    assert list(pieces(pipe[0], 5)) == [b"12345"]


def test_an_answer_that_is_too_short_is_not_the_end(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"12")
    found = pieces(pipe[0], 5)
    assert next(found) == b"12"
    os.write(pipe[1], b"345")
    assert next(found) == b"345"


@pytest.mark.parametrize("told", [0, 1, 4, 5, 6, 100])
def test_all_of_it_comes_whatever_its_size_was_said_to_be(tmp_path: Path, told: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    with path.open("rb") as stream:
        assert b"".join(bytes(piece) for piece in pieces(stream.fileno(), told)) == b"12345"
