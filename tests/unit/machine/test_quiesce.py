"""The machine's `scipion-data-quiesce`: whose processes it ends, on a /proc of our own and with real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import quiesce as q

UID = 61234
PLAIN = "import time; print('up', flush=True); time.sleep(100)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {PLAIN}"
FORKING = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('up', flush=True)
end = time.monotonic() + 100
while time.monotonic() < end:
    if os.fork():
        os._exit(0)  # a new number each time
    time.sleep(0.01)
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def thread(proc: Path, pid: int, uids: str, state: str = "S (sleeping)", tid: int = 0, name: str = "p") -> None:
    folder = proc / str(pid) / "task" / str(tid or pid)
    folder.mkdir(parents=True)
    (folder / "status").write_text(f"Name:\t{name}\nState:\t{state}\nUid:\t{uids}\nGid:\t0\t0\t0\t0\n")


def test_real_effective_saved_and_file_system_numbers_count(tmp_path: Path) -> None:
    for pid, uids in enumerate(["7 0 0 0", "0 7 0 0", "0 0 7 0", "0 0 0 7", "0 0 0 0", "77 77 77 77"], 10):
        thread(tmp_path, pid, uids.replace(" ", "\t"))
    (tmp_path / "sys").mkdir()
    assert [found.pid for found in q.processes_of(7, tmp_path)] == [10, 11, 12, 13]


def test_the_dead_do_not_count_but_their_living_threads_do(tmp_path: Path) -> None:
    thread(tmp_path, 10, "7\t7\t7\t7", "Z (zombie)")
    thread(tmp_path, 20, "7\t7\t7\t7", "Z (zombie)")
    thread(tmp_path, 20, "7\t7\t7\t7", "D (disk sleep)", tid=21, name="writer")
    thread(tmp_path, 30, "0\t0\t0\t0")
    thread(tmp_path, 30, "7\t7\t7\t7", tid=31)
    assert q.processes_of(7, tmp_path) == [q.Process(20, "writer", "D"), q.Process(30, "p", "S")]


def test_a_process_that_ends_while_it_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "10/task/10").mkdir(parents=True)
    (tmp_path / "11").mkdir()
    assert q.processes_of(7, tmp_path) == []


def test_a_process_that_forks_and_ends_before_it_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its child is in a later list only."""
    real, ends = q.look, {10: 11, 11: 12, 12: 13}

    def look(pid: int, uid: int, proc: Path) -> q.Process | None:
        if pid in ends:
            shutil.rmtree(proc / str(pid))
            thread(proc, ends[pid], "7\t7\t7\t7")
        return real(pid, uid, proc)

    thread(tmp_path, 10, "7\t7\t7\t7")
    monkeypatch.setattr(q, "look", look)
    assert [found.pid for found in q.processes_of(7, tmp_path)] == [13]


class World:
    """Processes that end some seconds after a signal; time passes by sleeping."""

    def __init__(self, **ends: float) -> None:
        self.now, self.signals = 0.0, list[tuple[float, int, int]]()
        self._term_ends = {int(name[1:]): after for name, after in ends.items()}
        self.alive = dict.fromkeys(self._term_ends, float("inf"))

    def find(self) -> list[q.Process]:
        return [q.Process(pid, "p", "S") for pid, end in self.alive.items() if end > self.now]

    def tell(self, pid: int, number: int) -> None:
        self.signals.append((round(self.now), pid, number))
        after = self._term_ends[pid] if number == signal.SIGTERM else 0.0
        self.alive[pid] = min(self.alive[pid], self.now + after)

    def run(self) -> list[q.Process]:
        return q.quiesce(self.find, self.tell, lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_nothing_to_do() -> None:
    world = World()
    assert (world.run(), world.signals) == ([], [])


def test_asked_once_then_killed() -> None:
    world = World(p1=2.0, p2=float("inf"))
    assert world.run() == []
    assert [entry for entry in world.signals if entry[2] == signal.SIGTERM] == [(0, 1, 15), (0, 2, 15)]
    assert [entry for entry in world.signals if entry[2] == signal.SIGKILL] == [(10, 2, 9)]


def test_what_cannot_be_ended_is_named() -> None:
    world = World(p1=0.0, p2=float("inf"))
    world.tell = lambda pid, number: None  # type: ignore[method-assign]
    assert [process.pid for process in world.run()] == [1, 2]
    assert 30 < world.now < 31


@pytest.mark.parametrize("words", [["0"], ["999"], ["-1"], ["scipion"], ["2000", "2001"]])
def test_wrong_use(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(q.WrongUse):
        q.wanted(words)


def test_the_number_comes_from_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    with pytest.raises(q.WrongUse):
        q.wanted([], config)
    config.write_text('{"user": 2000}')
    assert q.wanted([], config) == 2000
    config.write_text('{"user": 0}')
    with pytest.raises(q.WrongUse):
        q.wanted([], config)


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[str]]]:
    monkeypatch.setattr(q, "PATIENCE", 0.5)
    started: list[subprocess.Popen[str]] = []
    for code in (PLAIN, STUBBORN, FORKING):
        argv = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "/usr/bin/python3", "-c", code]
        started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
    for process in started:
        assert process.stdout and process.stdout.readline() == "up\n"
    yield started
    for found in q.processes_of(UID):
        q.send(found.pid, UID, signal.SIGKILL)
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


@as_root
def test_real_processes_are_ended_and_others_are_not(users: list[subprocess.Popen[str]]) -> None:
    other = subprocess.Popen(["setpriv", f"--reuid={UID + 1}", "--clear-groups", "sleep", "100"])
    try:
        assert q.main([str(UID)]) == 0
        time.sleep(0.2)
        assert q.processes_of(UID) == []
        assert users[0].wait() == -signal.SIGTERM
        assert users[1].wait() == -signal.SIGKILL
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@as_root
def test_a_signal_goes_to_the_users_processes_only() -> None:
    with subprocess.Popen(["sleep", "100"]) as process:
        q.send(process.pid, UID, signal.SIGKILL)
        time.sleep(0.1)
        assert process.poll() is None
        process.kill()
    q.send(process.pid, UID, signal.SIGKILL)  # it is gone
