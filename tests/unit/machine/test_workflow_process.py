"""The machine's `scipion-workflow`: whether a step's process lives, and why it does not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import workflow_process as wp

BOOT, START = 1_000_000, 500
"""When the kernel and the machine began, in seconds."""


def process(
    proc: Path, pid: int, seconds: float, *words: str, cwd: Path | None = None, says: Path | None = None
) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "fd").mkdir()
    if says:
        (folder / "fd/1").symlink_to(says)
    (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
    if cwd:
        (folder / "cwd").symlink_to(cwd)
    ticks = int(seconds * os.sysconf("SC_CLK_TCK"))
    (folder / "stat").write_text(f"{pid} (a) b) S {'0 ' * 18}{ticks} 0 0\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    proc = tmp_path / "proc"
    process(proc, 1, START, "init")
    (proc / "stat").write_text(f"cpu 1\nbtime {BOOT}\nprocesses 9\n")
    return proc


@pytest.fixture
def step(tmp_path: Path) -> wp.Step:
    found = wp.Step(tmp_path / "p", "Runs/58", 77)
    found.database.parent.mkdir(parents=True)
    found.database.write_bytes(b"")
    written(found, BOOT + START + 100)
    return found


def written(step: wp.Step, seconds: float) -> None:
    os.utime(step.database, (seconds, seconds))


OWN = ("python3", "/opt/pw_protocol_run.py", "{project}", "Runs/58/logs/run.db", "58", "{project}/Runs/58/logs/out")


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (OWN, True),
        (("python3", "pw_schedule_run.py", "{project}", "Runs/58/logs/run.db", "58", "x.log"), True),
        (("sh", "-c", 'python3 pw_protocol_run.py "{project}" "Runs/58/logs/run.db" 58'), False),  # its child counts
        (("sleep", "600"), False),
        (("python3", "pw_protocol_run.py", "{project}", "Runs/60/logs/run.db", "60"), False),  # another step's
        (("python3", "pw_protocol_run.py", "{project}2", "Runs/58/logs/run.db", "58"), False),  # another project's
        (("python3", "-m", "scipion", "project", "p"), False),
        (("python3", "-m", "metadataviewer", "{project}/Runs/58/particles.sqlite"), False),  # a viewer
        (("less", "Runs/58/logs/run.db"), False),
        (("sqlitebrowser", "{project}/Runs/58/logs/run.db"), False),
    ],
)
def test_a_process_is_a_steps_by_its_command_line_whatever_number_is_written(
    proc: Path, step: wp.Step, words: tuple[str, ...], runs: bool
) -> None:
    process(proc, 77, START + 1, "sleep", "600")  # whose number the database has
    process(proc, 4711, START + 2, *(word.format(project=step.project) for word in words))
    assert wp.Started(proc).of(step) == [4711] * runs


def test_a_project_is_the_same_under_the_name_of_a_link(proc: Path, step: wp.Step, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(step.project)
    process(proc, 4711, START + 2, *(word.format(project=tmp_path / "link") for word in OWN))
    assert wp.Started(proc).of(step) == [4711]


@pytest.mark.parametrize("inside", ["", "Runs/58/tmp"])
def test_a_step_lives_on_in_a_project_that_was_renamed_and_in_no_new_one_of_that_name(
    proc: Path, step: wp.Step, tmp_path: Path, inside: str
) -> None:
    process(proc, 4711, START + 2, *(word.format(project=step.project) for word in OWN), cwd=tmp_path / "q" / inside)
    step.project.rename(tmp_path / "q")
    step.database.parent.mkdir(parents=True)
    step.database.touch()
    assert wp.Started(proc).of(step) == []
    assert wp.Started(proc).of(wp.Step(tmp_path / "q", "Runs/58")) == [4711]


def test_a_step_whose_folder_says_nothing_is_where_its_command_says(proc: Path, step: wp.Step, tmp_path: Path) -> None:
    process(proc, 4711, START + 2, *(word.format(project=step.project) for word in OWN), cwd=tmp_path)
    assert wp.Started(proc).of(step) == [4711]


def test_steps_that_no_known_project_has(proc: Path, step: wp.Step) -> None:
    for pid, word in enumerate(("less", "-k"), 5000):  # looks at it, and is no step
        process(proc, pid, START + 3, word, "Runs/58/logs/run.db")
    process(proc, 5005, START + 3, "sqlitebrowser", str(step.project), str(step.database))
    process(proc, 4711, START + 2, *(word.format(project=step.project) for word in OWN))
    assert wp.Started(proc).others([step]) == []
    ((other, pids),) = wp.Started(proc).others([])
    assert (other.project, other.working, pids) == (step.project, step.working, [4711])


def test_a_program_that_a_step_has_called_is_the_steps_though_scipions_own_process_is_gone(
    proc: Path, step: wp.Step, tmp_path: Path
) -> None:
    process(
        proc, 4600, START + 3, "relion_refine", "--o", "Runs/58/extra/run", says=step.database.with_name("run.stdout")
    )
    process(proc, 4500, START + 3, "relion_refine", says=tmp_path / "other/Runs/58/logs/run.stdout")
    process(proc, 4501, START + 3, "xterm", says=tmp_path / "p/notes/run.txt")
    assert wp.Started(proc).of(step) == wp.Started(proc).left_alone(step) == [4600]
    process(proc, 4711, START + 2, *(word.format(project=step.project) for word in OWN))
    assert wp.Started(proc).of(step) == [4711, 4600]
    assert wp.Started(proc).left_alone(step) == []


def test_a_program_that_a_real_step_has_called_is_found_by_where_it_writes(step: wp.Step) -> None:
    log = step.database.with_name("run.stderr")
    with log.open("w") as out, subprocess.Popen(["sleep", "60"], stderr=out) as called:
        try:
            assert wp.Started().left_alone(step) == [called.pid]
            step.project.rename(step.project.with_name("renamed"))
            renamed = wp.Step(step.project.with_name("renamed"), step.working)
            assert wp.Started().left_alone(renamed) == [called.pid]
            renamed.database.with_name("run.stderr").unlink()  # the user has reset the step
            assert wp.Started().left_alone(renamed) == [called.pid]
        finally:
            called.kill()


def test_when_a_process_began(proc: Path) -> None:
    assert wp.began(1, proc) == "1970-01-12T13:55:00+00:00"
    assert wp.began(99, proc) == ""


def test_a_step_that_was_just_launched_may_have_no_process_yet(proc: Path, step: wp.Step) -> None:
    soon = BOOT + START + 110
    assert wp.is_starting(step, "launched", soon, proc)
    assert not wp.is_starting(step, "running", soon, proc)
    assert not wp.is_starting(step, "scheduled", soon + wp.GRACE_SECONDS, proc)
    written(step, BOOT + START - 1)  # it was launched before the machine was started again
    assert not wp.is_starting(step, "launched", BOOT + START + 1, proc)


def test_why_a_step_died(proc: Path, step: wp.Step) -> None:
    assert "ended from outside" in wp.cause(step, proc)
    written(step, BOOT + START - 1)
    assert "started again" in wp.cause(step, proc)
    assert "has none" in wp.cause(wp.Step(step.project, step.working, queued=True), proc)


@pytest.mark.parametrize(
    "line", ["OSError: [Errno 28] No space left on device", "sqlite3.OperationalError: database or disk is full"]
)
@pytest.mark.parametrize("log", ["run.stderr", "run.stdout"])
def test_a_step_that_died_of_a_full_disk_says_so(proc: Path, step: wp.Step, line: str, log: str) -> None:
    (step.database.parent / log).write_text("x" * 100_000 + f"\n{line}\nAborted\n")
    assert wp.cause(step, proc) == "the disk was full"


def test_what_an_earlier_run_of_the_step_has_written_is_no_cause(proc: Path, step: wp.Step) -> None:
    old, new = (step.database.parent / name for name in ("run.stderr", "run.stdout"))
    old.write_text("No space left on device\n")
    new.write_text("database or disk is full\nLogging configured. STDOUT --> run.stdout\nPID: 78\n")
    os.utime(old, (BOOT, BOOT))
    assert "ended from outside" in wp.cause(step, proc)


def test_a_disk_that_is_full_now_is_the_likely_cause(
    proc: Path, step: wp.Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wp, "percent_used", lambda path: 100)
    assert wp.cause(step, proc) == "the disk is full"
