"""Any call of either file system fails, once or from then on: nothing is lost, nor sealed, and no error unforeseen."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.faults import WRITES
from tests.unit.agent.rig import Rig
from tests.unit.agent.test_crashes import CASES, everything, run

READS = ("stat", "fresh", "entries", "names", "readlink", "open")
ERRORS = (errno.EIO, errno.ENOSPC, errno.ENOTCONN, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.ESTALE, errno.ENOENT)


@dataclass
class Fault:
    """Raises `error` at the call number `at` (from 1), and at every later one if `lasting`."""

    at: int
    error: int
    lasting: bool = False
    count: int = 0

    def tree(self, path: str) -> Tree:
        made = FaultyTree(path)
        made.fault = self
        return made

    def step(self, name: str) -> None:
        self.count += 1
        if self.count == self.at or (self.lasting and self.count > self.at):
            raise OSError(self.error, f"{os.strerror(self.error)} ({name})")


class FaultyTree(Tree):
    """Asks `fault` before each call from outside; its own calls among each other do not count."""

    fault: Fault
    inside = False


def _faulty(name: str) -> Callable[..., Any]:
    plain = getattr(Tree, name)

    def method(self: FaultyTree, *arguments: Any, **named: Any) -> Any:
        if self.inside:
            return plain(self, *arguments, **named)
        if name == "close":
            plain(self, *arguments)
            return self.fault.step(name)
        self.fault.step(name)
        self.inside = True
        try:
            return plain(self, *arguments, **named)
        finally:
            self.inside = False

    return method


for _name in (*WRITES, *READS):
    setattr(FaultyTree, _name, _faulty(_name))


@pytest.mark.long
@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_any_call_fails(name: str, lasting: bool, tmp_path: Path) -> None:
    case = CASES[name]
    whole = case.begin(tmp_path / "whole")
    run(whole, f"{case.works} scan push scan push")
    wanted = set(whole.saved().values())
    for at in itertools.count(1, 5 if lasting else 2):
        folder = tmp_path / "failing"
        shutil.rmtree(folder, ignore_errors=True)
        rig = case.begin(folder)
        before = rig.local()
        fault = Fault(at, ERRORS[at % len(ERRORS)], lasting)
        label = f"{os.strerror(fault.error)} at call {at}"
        try:
            run(replace(rig, trees=fault.tree), case.works)
        except (AgentError, OSError):
            pass
        except Exception as error:
            raise AssertionError(label) from error
        if fault.count < at:
            return
        assert {path: rig.local().get(path) for path in before} == before, label
        for _ in range(3):
            attempt(rig, case.works)
        attempt(rig, "scan push scan push")
        assert rig.saved() == rig.local(), label
        assert wanted <= set(rig.saved().values()), label
        assert case.kept in everything(rig).values(), label
        assert b"old" in everything(rig).values(), label


def attempt(rig: Rig, works: str) -> None:
    """Works that may still have something to tell of what went wrong before."""
    for work in works.split():
        try:
            getattr(rig, work)()
        except AgentError:
            continue


@pytest.mark.long
def test_no_seal_where_calls_fail(tmp_path: Path) -> None:
    """A seal is there only if everything is in the data space."""
    for at in itertools.count(1, 3):
        folder = tmp_path / "failing"
        shutil.rmtree(folder, ignore_errors=True)
        rig = CASES["push"].begin(folder)
        fault = Fault(at, ERRORS[at % len(ERRORS)])
        failed = False
        try:
            replace(rig, trees=fault.tree).seal()
        except (AgentError, OSError):
            failed = True
        if fault.count < at:
            return
        sealed = (rig.state / "seal.json").exists()
        assert not (failed and sealed), at
        if sealed:
            saved = rig.saved()
            assert {path: saved.get(path) for path in rig.local()} == rig.local(), at
            continue
        attempt(rig, "pull seal")
        assert (rig.state / "seal.json").exists(), at
