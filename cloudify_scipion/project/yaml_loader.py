"""PyYAML's safe loader, made safe against what a hostile file can make it do: fail in Python, or never end."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import yaml

_MERGE = "tag:yaml.org,2002:merge"
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_MAX_NUMBER = 100
"""Limit of a number's characters: `1:59:59:...` and the like take minutes, and come to nothing."""
Pairs = list[tuple[Any, Any]]


@cache
def loader(mapping: Callable[[Pairs], Any]) -> type[yaml.SafeLoader]:
    """A loader that makes mappings of pairs of key and value. All that is wrong with a text is a YAMLError."""

    class Loader(_Loader):
        def construct_pairs_of(self, node: yaml.MappingNode) -> Any:
            self.flatten_mapping(node)
            return mapping([(self._key(key), self.construct_object(value, deep=True)) for key, value in node.value])

    Loader.add_constructor("tag:yaml.org,2002:map", Loader.construct_pairs_of)
    return Loader


class _Loader(yaml.SafeLoader):
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Any value. PyYAML's constructors take it for granted that an explicit tag (`!!bool maybe`) is right."""
        if not isinstance(node, yaml.ScalarNode):
            return super().construct_object(node, deep)
        wrong = f"{node.value[:40]!r} is not what its tag says, {node.tag.rpartition(':')[2]}; quote it"
        if node.tag in _NUMBERS and len(node.value) > _MAX_NUMBER:
            raise _error(node, f"a number of {len(node.value):,} characters; at most {_MAX_NUMBER} can be right")
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, IndexError, AttributeError) as error:
            raise _error(node, wrong) from error

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put in what `<<` names, each key once: what the mapping says itself goes before what it takes over.

        PyYAML keeps all of them, and merges of merges would have no end.
        """
        own = [pair for pair in node.value if pair[0].tag != _MERGE]
        super().flatten_mapping(node)
        written = {_identity(key) for key, _ in own}
        taken = {_identity(key): (key, value) for key, value in node.value[: len(node.value) - len(own)]}
        node.value = [*(pair for name, pair in taken.items() if name not in written), *own]

    def _key(self, node: yaml.Node) -> Any:
        """A key. A list or a mapping is none, and the text of one that aliases make has no end."""
        if not isinstance(node, yaml.ScalarNode):
            raise _error(node, "a key that is not text")
        return self.construct_object(node, deep=True)


def _identity(key: yaml.Node) -> object:
    return (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)


def _error(node: yaml.Node, message: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, message, node.start_mark)
