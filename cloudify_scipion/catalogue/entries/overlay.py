"""One catalogue laid over another: an operator's own entries beside and over those that are shipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from cloudify_scipion.catalogue.entries.model import Catalogue

Entry = TypeVar("Entry")
Versions = Mapping[str, Entry]


def laid_over(below: Catalogue, above: Catalogue) -> Catalogue:
    """The entries of both; a version that both have is that of `above`."""
    return Catalogue(
        scipion=_Both(below.scipion, above.scipion, lambda _, own: own),
        plugins=_Both(below.plugins, above.plugins, _versions),
        em_packages=_Both(below.em_packages, above.em_packages, _versions),
        example_data=_Both(below.example_data, above.example_data, _versions),
    )


def _versions(below: Versions[Entry], above: Versions[Entry]) -> Versions[Entry]:
    return {**below, **above}


class _Both(Mapping[str, Entry]):
    """Two mappings as one. Files are read when a name is looked up, so nothing is copied."""

    def __init__(
        self, below: Mapping[str, Entry], above: Mapping[str, Entry], join: Callable[[Entry, Entry], Entry]
    ) -> None:
        self._below, self._above, self._join = below, above, join

    def __getitem__(self, name: str) -> Entry:
        if name not in self._above:
            return self._below[name]
        return self._join(self._below[name], self._above[name]) if name in self._below else self._above[name]

    def __contains__(self, name: object) -> bool:
        return name in self._below or name in self._above

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._below, *self._above}))

    def __len__(self) -> int:
        return len({*self._below, *self._above})
