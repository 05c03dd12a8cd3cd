"""The kill points of the machine tests, checked without a machine: each is on its verb's way through the code."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from cloudify_scipion.adapters import local
from tests.infra.kill_points import KILL_POINTS, PACKAGE, KillPoint, holder_of

ENTRIES = {
    "volume": "volumes:LoopVolumes.create",
    "attach": "volumes:LoopVolumes.attach",
    "discard": "volumes:LoopVolumes.delete",
    "create": "machine:NspawnMachines.create",
    "start": "machine:NspawnMachines.start",
    "stop": "machine:NspawnMachines.stop",
    "capture": "machine:NspawnMachines.capture_layer",
    "delete": "machine:NspawnMachines.delete",
}


class Code:
    """The modules of the adapters as text: which functions each function mentions, by the name that it uses."""

    def __init__(self, folder: Path) -> None:
        self.functions: dict[str, ast.AST] = {}
        self.methods: dict[str, set[str]] = {}
        self.imported: dict[str, str] = {}
        for path in folder.glob("*.py"):
            self._read(path.stem, ast.parse(path.read_text(encoding="utf-8")))

    def _read(self, module: str, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
                self.imported |= {f"{module}:{name.name}": name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                origin = (node.module or "").rpartition(".")[2]
                self.imported |= {f"{module}:{name.name}": f"{origin}:{name.name}" for name in node.names}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                self.functions[f"{module}:{node.name}"] = node
            if isinstance(node, ast.ClassDef):
                for method in (inner for inner in node.body if isinstance(inner, ast.FunctionDef)):
                    self.functions[f"{module}:{node.name}.{method.name}"] = method
                    self.methods.setdefault(method.name, set()).add(f"{module}:{node.name}.{method.name}")

    def reached(self, entry: str) -> set[str]:
        """Everything that is called, or may be, from `entry` on, as "MODULE:NAME"."""
        waiting, known = [entry], {entry}
        while waiting:
            for found in self._mentioned(waiting.pop()) - known:
                known.add(found)
                waiting.append(found)
        return known

    def _mentioned(self, function: str) -> set[str]:
        node, (module, _, name) = self.functions.get(function), function.partition(":")
        found = {self.imported[function]} if function in self.imported else set()
        for inner in ast.walk(node) if node else ():
            if isinstance(inner, ast.Name):
                found.add(f"{module}:{inner.id}")
            elif isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
                found |= self._attribute(module, name.partition(".")[0], inner.value.id, inner.attr)
            elif isinstance(inner, ast.Attribute):
                found |= self._methods(inner.attr)
        return found

    def _attribute(self, module: str, own_class: str, holder: str, name: str) -> set[str]:
        if holder == "self":
            return {f"{module}:{own_class}.{name}"}
        imported = self.imported.get(f"{module}:{holder}", ":")
        return self._methods(name) if ":" in imported else {f"{imported}:{name}"}

    def _methods(self, name: str) -> set[str]:
        return self.methods.get(name, set())


CODE = Code(Path(local.__file__).parent)


@cache
def reached(verb: str) -> set[str]:
    return CODE.reached(ENTRIES[verb])


def on_its_way(at: KillPoint) -> bool:
    """Whether the verb can come to this call; a class may be named by another module that uses it."""
    module, name = at.function.split(":")
    first, dot, method = name.partition(".")
    origin = CODE.imported.get(f"{module}:{first}", f"{module}:{first}")
    return at.function in reached(at.verb) or bool(dot) and f"{origin}.{method}" in reached(at.verb)


@pytest.mark.parametrize("at", KILL_POINTS, ids=str)
def test_the_verb_comes_to_it(at: KillPoint) -> None:
    holder_of(at.function)
    assert on_its_way(at)


@pytest.mark.parametrize("verb", ENTRIES)
def test_every_verb_is_killed_somewhere(verb: str) -> None:
    assert {at.moment for at in KILL_POINTS if at.verb == verb}


def test_what_a_verb_never_calls_is_no_kill_point() -> None:
    assert not on_its_way(KillPoint("attach", "volumes:prepare", "after", 1))
    assert not on_its_way(KillPoint("stop", "capture:clean", "before", 1))
    with pytest.raises(AttributeError):
        holder_of("volumes:gone")
