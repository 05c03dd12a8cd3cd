"""What a crash or a cut connection leaves of a file: nothing, zeros, or but a part of it."""

from __future__ import annotations

from collections.abc import Iterable


def is_zeros(data: bytes) -> bool:
    """Whether data are zero bytes alone; empty data are."""
    return not data.strip(b"\0")


def is_void(pieces: Iterable[bytes | int]) -> bool:
    """Whether content is empty, or nothing but zeros and holes (a number of bytes)."""
    return all(isinstance(piece, int) or is_zeros(piece) for piece in pieces)


def looks_destroyed(was_size: int, void: bool) -> bool:
    """Whether content that was there has become void: what a crash leaves behind."""
    return was_size > 0 and void


def is_beginning(blocks: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a file holds but the beginning of another, or zeros: what a copy leaves that was cut short.

    `blocks`: those of the file, each with what the other has in its place.
    """
    zeros = same = True
    for data, whole in blocks:
        zeros, same = zeros and is_zeros(data), same and data == whole
        if not (zeros or same):
            return False
    return True


def is_part(blocks: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether each block of a file is the same in another, or zeros: an upload that went on there."""
    return all(data == whole or is_zeros(data) for data, whole in blocks)
