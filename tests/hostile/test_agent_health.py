"""Whatever a mount does, it is noticed within the time that was given, and nobody hangs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent.work.space import health
from tests.hostile.space import HostileSpace

pytestmark = pytest.mark.long
SECONDS = 1.5


@pytest.fixture
def ready(space: HostileSpace, backing: Path) -> HostileSpace:
    """A data space with its mark, and something in it."""
    (backing / ".cloudify-scipion").mkdir()
    (backing / ".cloudify-scipion/space.json").write_text("p1")
    (backing / "raw").write_text("x")
    return space


def asked(space: str, *datasets: str, **named: Any) -> list[str]:
    """What health says; it must answer, whatever hangs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(health.problems, space, datasets, SECONDS, **named).result(timeout=60)


def test_all_is_well(ready: HostileSpace) -> None:
    mount = str(ready.space)
    assert health.problems(mount, [mount], second=mount) == []


@pytest.mark.parametrize(
    ("wrong", "of_space", "of_dataset"),
    [
        ({"hang": True}, "hangs: it did not answer within 2 s", "hangs"),
        ({"hang": True, "hang_kinds": ["statfs"]}, "hangs", "hangs"),
        ({"hang": True, "hang_kinds": ["readdir"]}, "hangs", "hangs"),
        ({"hang": True, "hang_kinds": ["read"]}, "hangs", ""),
        ({"hang": True, "hang_kinds": ["utimens"]}, "hangs", ""),
        ({"empty": True}, "is empty or another folder: it lacks .cloudify-scipion/space.json", "is empty"),
        ({"error": "EIO"}, "does not answer: Input/output error", "does not answer: Input/output error"),
        ({"error": "EIO", "error_kinds": ["read"]}, "does not answer: Input/output error", ""),
        ({"error": "EACCES"}, "does not answer: Permission denied", "does not answer: Permission denied"),
        ({"error": "ENOTCONN"}, "does not answer: Transport endpoint", "does not answer: Transport endpoint"),
        ({"read_only": True}, "is read-only", ""),
        ({"read_only": "EACCES"}, "is read-only", ""),
        ({"no_utime": True}, "", ""),
        ({"delay": 0.01, "coarse_times": True}, "", ""),
    ],
)
def test_what_is_wrong_is_said(ready: HostileSpace, wrong: dict[str, Any], of_space: str, of_dataset: str) -> None:
    mount = str(ready.space)
    ready.set(**wrong)
    found = asked(mount, mount, second=mount)
    ready.good()
    second = "" if of_space == "is read-only" or "utimens" in str(wrong) else of_space
    wanted = [text for text in (of_space, second, of_dataset) if text]
    assert len(found) == len(wanted), found
    for line, text in zip(found, wanted, strict=True):
        assert line.startswith(f"{mount} {text}"), found


def test_many_that_hang_are_asked_at_the_same_time(ready: HostileSpace) -> None:
    ready.set(hang=True)
    """One after the other would take longer than `asked` waits."""
    assert len(asked(str(ready.space), *[str(ready.space)] * 45)) == 46
    ready.release()


def test_a_dead_client(ready: HostileSpace) -> None:
    ready.die()
    mount = str(ready.space)
    assert asked(mount) == [f"{mount} does not answer: Transport endpoint is not connected"]


def test_what_is_not_mounted(backing: Path, tmp_path: Path) -> None:
    """The mount point remains, and is empty; or it is gone, too."""
    (tmp_path / "mount point").mkdir()
    for name, text in (("mount point", "is empty"), ("nothing", "is absent")):
        path = str(tmp_path / name)
        assert [line.startswith(f"{path} {text}") for line in asked(path, path)] == [True, True]


def test_the_files_of_a_hung_probe_are_nobodys_problem(ready: HostileSpace) -> None:
    """The probe that was given up ends when the mount goes on, and the next one is well."""
    ready.set(hang=True)
    assert asked(str(ready.space))
    ready.release()
    assert asked(str(ready.space)) == []
