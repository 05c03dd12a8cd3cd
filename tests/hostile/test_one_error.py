"""On a real mount: one path refuses a call for ever, with some error. That path is all that it costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.machine import Machine, on
from tests.hostile.space import HostileSpace
from tests.seeds import sample

pytestmark = pytest.mark.long

KINDS = ("getattr", "mkdir", "unlink", "rmdir", "rename", "create", "open", "read", "opendir", "utimens", "readlink")
ERRORS = ("EIO", "EACCES", "EINVAL", "ENOSPC", "EROFS", "ESTALE", "EDQUOT", "ENAMETOOLONG", "EOVERFLOW", "EXDEV")
PLACES = ("*/bad*", "*/.cloudify-scipion/trash*")
CASES = [(kind, error, place) for place in PLACES for kind in KINDS for error in ERRORS]


@pytest.fixture
def machine(backing: Path, tmp_path: Path) -> Iterator[tuple[HostileSpace, Machine]]:
    with HostileSpace(backing) as space, on(space, tmp_path / "volume", backing) as made:
        yield space, made


def test_one_path(machine: tuple[HostileSpace, Machine]) -> None:
    """A sample each day; CLOUDIFY_SCIPION_SOAK=1: all of them."""
    space, project = machine
    project.done("pull")
    for number, (kind, error, place) in enumerate(sample(CASES, 12)):
        label = f"{kind} {error} {place}"
        project.write(f"bad{number}/old", f"old {number}")
        project.write(f"good{number}/old", f"first {number}")
        project.done("push")
        project.write(f"bad{number}/old", f"changed {number}", age=60)
        project.write(f"bad{number}/new", f"new {number}")
        project.write(f"good{number}/old", f"second {number}", age=60)
        project.write(f"good{number}/new", f"new {number}")
        space.set(only=place, error=error, error_kinds=(kind,))
        ended = [project.work(work) for work in ("push", "scan", "push")]
        local, saved = project.local(), project.saved()
        lacking = [path for path, content in local.items() if saved.get(path) != content]
        in_odd = project.everything()
        lacking = [path for path in lacking if local[path] not in in_odd]
        if place == PLACES[0]:
            assert [path for path in lacking if not path.startswith("bad")] == [], (label, ended)
        assert not lacking or any(result.code in (5, 6) for result in ended), (label, ended)
        assert not lacking or any("bad" in result.message or "good" in result.message for result in ended), label
        space.good()
        for _ in range(2):
            project.clock.pass_time(86400)
            project.work("scan")
            project.work("push")
        project.done("push", "verify")
        kept = project.everything()
        assert all(content in kept for content in local.values()), label
        assert {f"old {number}".encode(), f"first {number}".encode()} <= kept, label
