"""The state root: records, ports, and files that are written whole."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.adapters.files import write_atomic
from cloudify_scipion.adapters.state import DEFAULT_ROOT, ProjectFolders, check_owner, state_root
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.record import Binding, Event, Record

NAMES = ("ssh", "desktop")


def record(project: str = "p1") -> Record:
    return Record(project, Binding("i", "t", "d"), events=(Event("2026-01-01T00:00:00+00:00", "größer 🔬"),))


@pytest.fixture
def projects(tmp_path: Path) -> ProjectFolders:
    return ProjectFolders(tmp_path / "state")


def test_where_it_lies() -> None:
    assert state_root({}) == Path(DEFAULT_ROOT) == state_root({"CLOUDIFY_SCIPION_STATE": ""})
    assert state_root({"CLOUDIFY_SCIPION_STATE": "/x"}) == Path("/x")


def test_the_installations_id_stays(projects: ProjectFolders, tmp_path: Path) -> None:
    first = projects.installation()
    assert len(first) == 8
    assert ProjectFolders(tmp_path / "state").installation() == first
    assert ProjectFolders(tmp_path / "other").installation() != first


def test_save_load_all_forget(projects: ProjectFolders, tmp_path: Path) -> None:
    assert projects.load("p1") is None
    assert projects.ids() == []
    projects.save(record("p2"))
    projects.save(record("p1"))
    assert projects.load("p1") == record("p1")
    assert projects.ids() == ["p1", "p2"]
    (projects.folder("p1") / "ssh").mkdir()
    projects.forget("p1")
    projects.forget("p1")
    assert projects.ids() == ["p2"]
    assert not (tmp_path / "state/projects/p1").exists()


def test_what_is_kept_is_private(projects: ProjectFolders, tmp_path: Path) -> None:
    projects.save(record())
    for path, mode in (("", 0o700), ("projects", 0o700), ("projects/p1", 0o700), ("projects/p1/project.json", 0o600)):
        assert (tmp_path / "state" / path).stat().st_mode & 0o777 == mode, path


def test_the_order_of_a_workflow_is_kept(projects: ProjectFolders) -> None:
    asked = record().asking("workflow", {"protocols": [{"z": 1, "a": 2}]})
    projects.save(asked)
    loaded = projects.load("p1")
    assert loaded is not None
    assert [*loaded.settings["workflow"]["protocols"][0]] == ["z", "a"]


def test_a_damaged_record_is_named(projects: ProjectFolders) -> None:
    projects.save(record())
    path = projects.folder("p1") / "project.json"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(PermanentError) as caught:
        projects.load("p1")
    assert str(path) in caught.value.what
    assert "restore it from a backup" in caught.value.next_step


def in_a_process_that_dies(work: Callable[[], None]) -> None:
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("function", ["os.fsync", "Path.replace", "os.fchmod"])
@pytest.mark.parametrize("after", [False, True])
def test_killed_while_it_writes(
    projects: ProjectFolders, monkeypatch: pytest.MonkeyPatch, function: str, after: bool
) -> None:
    """What is there afterwards is the old record or the new one."""
    projects.save(record())
    new = replace(record(), machine="m" * 100_000)
    owner, name = {"os": os, "Path": Path}[function.partition(".")[0]], function.partition(".")[2]
    real = getattr(owner, name)

    def dying(*args: object) -> None:
        if after:
            real(*args)
        os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        setattr(owner, name, dying)
        projects.save(new)

    in_a_process_that_dies(work)
    loaded = projects.load("p1")
    assert loaded == (new if function == "Path.replace" and after else record())
    projects.save(new)
    assert projects.load("p1") == new
    assert projects.ids() == ["p1"]
    projects.forget("p1")
    assert projects.ids() == []


def test_an_atomic_write_that_fails_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    write_atomic(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_the_mode_of_a_file(tmp_path: Path, mode: int) -> None:
    write_atomic(tmp_path / "a/f", b"x", mode)
    assert (tmp_path / "a/f").stat().st_mode & 0o777 == mode
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_whoever_may_not_even_look_is_told_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path, **_: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", closed)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PermanentError, match="is root's") as caught:
        check_owner(tmp_path / "closed/state")
    assert caught.value.next_step.startswith("sudo ")
