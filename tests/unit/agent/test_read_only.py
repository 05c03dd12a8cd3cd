"""A data space that can be read and not written, whatever is in it already: one error, one text."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest

from cloudify_scipion.agent.errors import AgentError, ReadOnlySpace
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.space.check import read_only as refused
from cloudify_scipion.errors import ReadOnlyDataSpace
from cloudify_scipion.lifecycle.space import MOUNTS
from tests.unit.agent.rig import Rig

RESERVED = ".cloudify-scipion"
WHOSE = {
    "onedata": "the operator lets the token's owner write there",
    "directory": "the operator makes the site's folder writable",
}


class ReadOnly(Tree):
    """Nothing can be changed in it, as `number` says."""

    number = errno.EROFS

    def refuse(self) -> None:
        raise OSError(ReadOnly.number, os.strerror(ReadOnly.number))

    def mkdir(self, path: bytes, mode: int = 0o755) -> bool:
        if self.stat(path) is None:
            self.refuse()
        return super().mkdir(path, mode)

    def create(self, path: bytes, mode: int = 0o600) -> int:
        self.refuse()
        return 0

    def update(self, path: bytes, change: Callable[[bytes], bytes]) -> None:
        self.refuse()

    def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
        self.refuse()


def read_only(rig: Rig) -> Rig:
    return replace(rig, trees=lambda path: (ReadOnly if path == str(rig.space) else Tree)(path))


def known(rig: Rig) -> None:
    """Saved before, and given back: our folders are there, and nobody's lease."""
    rig.pull()
    rig.push()
    with rig.world() as world:
        lease.release(world)


@pytest.mark.parametrize("kind", WHOSE)
@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
@pytest.mark.parametrize("before", ["empty", "saved", "taken over", "unmarked"])
def test_opening(new: Rig, kind: str, number: int, before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    new.web("raw", b"facility")
    rig = replace(new, grant=MOUNTS[kind].GRANT)
    if before != "empty":
        known(rig)
    if before == "taken over":
        rig.pull()
        rig = replace(rig, generation=2, machine="m2", root=rig.root.with_name("m2"))
    if before == "unmarked":
        shutil.rmtree(rig.space / RESERVED / "tmp")
    monkeypatch.setattr(ReadOnly, "number", number)
    with pytest.raises(ReadOnlySpace) as caught:
        read_only(rig).pull()
    assert caught.value.what.startswith(
        f"nothing can be saved in the data space: it is mounted or granted read-only ({os.strerror(number)}: .cloudify-"
    )
    assert caught.value.next_step.startswith(WHOSE[kind]) and caught.value.code == 7


@pytest.mark.parametrize("work", ["push", "scan", "verify_all"])
def test_one_that_was_writable_before(rig: Rig, work: str) -> None:
    rig.write("mine")
    with pytest.raises(ReadOnlySpace):
        getattr(read_only(rig), work)()
    assert rig.saved() == {}


def test_what_passes_is_another_error(new: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReadOnly, "number", errno.EIO)
    with pytest.raises(AgentError, match="the data space cannot be written: Input/output error") as caught:
        read_only(new).pull()
    assert not isinstance(caught.value, ReadOnlySpace)


def test_one_text() -> None:
    """The agent knows no names of data spaces."""
    host = ReadOnlyDataSpace.found("facility", "Permission denied", "")
    assert host.what.replace(" 'facility'", "") == refused("", "Permission denied").what
