"""Many things at once: a data space answers slowly, not busily."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from cloudify_scipion.agent.ports.calls import patient

WORKERS = 16
"""Files that are copied at the same time."""
CHUNK = 16
"""Small files that one thread takes at a time."""
AHEAD = 2
"""Chunks for each thread whose results may wait to be taken."""
In = TypeVar("In")
Out = TypeVar("Out")


def each(
    do: Callable[[In], Out], items: Iterable[In], workers: int, beat: Callable[[], None]
) -> Iterator[tuple[In, Out | OSError]]:
    """Do something with all items, several at a time; yields each with its result or error, as they end.

    `beat` is called often meanwhile.
    """
    if workers == 1:
        for item in items:
            yield item, _attempt(do, item)
            beat()
        return
    given = list(items)
    size = max(1, min(CHUNK, len(given) // (workers * 4)))
    chunks = (given[i : i + size] for i in range(0, len(given), size))
    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(_attempt_all, do, chunk) for chunk in islice(chunks, AHEAD * workers)}
        try:
            while running:
                done, running = wait(running, 30, FIRST_COMPLETED)
                for chunk in done:
                    yield from chunk.result()
                running |= {pool.submit(_attempt_all, do, chunk) for chunk in islice(chunks, len(done))}
                beat()
        finally:
            for chunk in running:  # whoever ends early wants no more of it
                chunk.cancel()


def _attempt_all(do: Callable[[In], Out], chunk: Sequence[In]) -> list[tuple[In, Out | OSError]]:
    return [(item, _attempt(do, item)) for item in chunk]


def _attempt(do: Callable[[In], Out], item: In) -> Out | OSError:
    try:
        return patient(do, item)
    except OSError as error:
        return error
