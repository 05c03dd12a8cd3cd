"""The command: what units run and people type. Exit codes, results, status, answers; never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent import cli, status
from cloudify_scipion.agent.commands import show
from cloudify_scipion.agent.commands.works import WORKS
from cloudify_scipion.agent.ports.index import INDEX
from cloudify_scipion.agent.work.lease import lease
from tests.unit.agent.rig import OWNER, Rig, contents


@dataclass
class Machine:
    """A rig and its command."""

    rig: Rig
    capture: pytest.CaptureFixture[str]
    out: str = ""
    err: str = ""

    def __call__(self, *words: str, **changes: Any) -> int:
        path = self.rig.root / "config.json"
        path.write_text(json.dumps({**self.rig.document(), **changes}))
        try:
            code = cli.main(["--config", str(path), *words])
        except SystemExit as ended:
            code = int(ended.code or 0)
        told = self.capture.readouterr()
        self.out, self.err = told.out, told.err
        assert "Traceback" not in told.out + told.err
        return code

    def result(self, work: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.rig.state / "results" / f"{work}.json").read_text())
        return found

    def status(self) -> dict[str, Any]:
        assert self("status", "--json") == 0
        found: dict[str, Any] = json.loads(self.out)
        return found


@pytest.fixture
def machine(new: Rig, capsys: pytest.CaptureFixture[str]) -> Iterator[Machine]:
    before = os.umask(0o022)
    yield Machine(new, capsys)
    os.umask(before)


def test_a_whole_life(machine: Machine) -> None:
    rig = machine.rig
    rig.web("raw/a", b"facility", age=5000)
    assert machine("run", "pull") == 0
    assert machine.result("pull")["facts"] == {"files": 1, "bytes": 8, "conflicts": 0, "lost": 0}
    rig.write("mine", b"results")
    assert machine("run", "push") == 0
    told = machine.result("push")
    assert (told["work"], told["ok"], told["code"], told["message"], told["next"]) == ("push", True, 0, "", "")
    assert told["facts"]["files"] == 1 and told["facts"]["bytes"] == 7 and told["facts"]["special"] == []
    for work in ("scan", "verify"):
        assert machine("run", work) == 0, machine.err
        assert machine.result(work)["ok"]
    assert rig.saved() == rig.local()
    last = machine.status()["last"]
    assert {work: result["ok"] for work, result in last.items()} == dict.fromkeys(last, True)
    assert set(last) == {"pull", "push", "scan", "verify"}


def test_an_index_that_cannot_be_opened_is_named(machine: Machine) -> None:
    assert machine("run", "pull") == 0
    index = machine.rig.state / INDEX
    index.unlink()
    index.mkdir()
    machine.rig.write("mine", b"results")
    assert machine("run", "push") == 75
    assert f"the index {index}: unable to open" in machine.err and "next: it is tried again" in machine.err


def test_before_the_first_pull(machine: Machine) -> None:
    assert machine("run", "push") == 1
    assert "before the first pull" in machine.err and "next: " in machine.err
    told = machine.result("push")
    assert (told["ok"], told["code"]) == (False, 1) and "before the first pull" in told["message"] and told["next"]
    assert machine.status()["pulled"] is False


@pytest.mark.parametrize("words", [("run", "destroy"), ("run",), (), ("nothing",), ("answer", "deletions")])
def test_wrong_use(machine: Machine, words: tuple[str, ...]) -> None:
    assert machine(*words) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 1}', '{"version": 9}'])
def test_a_configuration_that_cannot_be_used(machine: Machine, text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    for words in (("run", "push"), ("status",), ("log",), ("answer", "deletions", "delete")):
        assert cli.main(["--config", str(path), *words]) == 2
    assert cli.main(["--config", str(tmp_path / "none"), "status"]) == 2
    assert "the configuration" in machine.capture.readouterr().err


def test_somebody_elses_lease_is_3(machine: Machine, tmp_path: Path) -> None:
    Rig(tmp_path / "theirs", machine.rig.space, owner={**OWNER, "deployment": "theirs"}).pull()
    assert machine("run", "pull") == 3
    assert "deployment theirs" in machine.err
    assert machine.result("pull")["code"] == 3


def test_the_wrong_volume_is_4(machine: Machine) -> None:
    machine("run", "pull")
    assert machine("run", "push", volume="v2") == 4
    assert machine("run", "push", tree=str(machine.rig.root / "none")) == 4
    assert machine("run", "push", space={"kind": "directory", "path": "/nowhere", "verify": ""}) == 4
    assert machine("run", "push", state=str(machine.rig.root / "none")) == 4
    assert machine("run", "seal") == 4


def test_no_room_is_5(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.rig.web("a", b"content")
    monkeypatch.setattr("cloudify_scipion.agent.ports.tree.Tree.free", lambda _: 0)
    assert machine("run", "pull") == 5
    assert machine.result("pull")["code"] == 5


def test_done_but_some_files_could_not_be_saved_is_6(machine: Machine) -> None:
    machine("run", "pull")
    machine.rig.write(".cloudify-scipion", b"a name that is kept")
    machine.rig.write("other", b"content")
    assert machine("run", "push") == 6
    assert machine.rig.saved() == {"other": b"content"}


def test_what_may_pass_is_75(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine("run", "pull")

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("cloudify_scipion.agent.work.push.push.push", broken)
    assert machine("run", "push") == 75
    assert machine.result("push")["code"] == 75
    assert "tried again by itself" in machine.result("push")["next"]


def test_verify_says_what_is_wrong(machine: Machine) -> None:
    machine("run", "pull")
    machine.rig.write("a", b"content")
    machine("run", "push")
    (machine.rig.space / "a").write_bytes(b"bitrot!")
    assert machine("run", "verify") == 6
    assert "a: its content is another" in machine.err
    assert machine.status()["unsaved"] == 1


def test_status_for_people(machine: Machine) -> None:
    assert machine("status") == 0
    assert "last saved: never" in machine.out
    machine("run", "pull")
    for number in range(40):
        machine.rig.write(f"f/{number}", f"{number}")
    machine("run", "push")
    for number in range(40):
        (machine.rig.user / f"f/{number}").unlink()
    machine("run", "push")
    assert machine("status") == 0
    assert "last saved: 2" in machine.out and "not saved: 0 files" in machine.out
    assert "scipion-data answer deletions delete|restore" in machine.out


def test_status_while_a_work_goes_on(machine: Machine) -> None:
    machine("run", "pull")
    progress = {
        "work": "pull", "phase": "pulling", "files_done": 3, "files_total": 9, "bytes_done": 10**9,
        "bytes_total": 4 * 10**9, "rate": 10**7, "seconds_left": 300, "pid": os.getpid(),
    }  # fmt: skip
    path = machine.rig.root / "run/progress.json"
    path.write_text(json.dumps(progress))
    assert machine("status") == 0
    assert "pull: pulling, 3 of 9 files, 1.0 GB of 4.0 GB, 10.0 MB/s, 5 min 0 s left" in machine.out
    assert machine.status()["files_done"] == 3
    path.write_text(json.dumps({**progress, "pid": 2**22 + 1}))
    assert machine.status()["work"] == "", "it died"
    path.write_text("{")
    assert machine.status()["work"] == ""


def test_an_answer_is_taken_by_the_next_work(machine: Machine) -> None:
    rig = machine.rig
    machine("run", "pull")
    for number in range(40):
        rig.write(f"f/{number}", f"{number}")
    machine("run", "push")
    before = rig.saved()
    for number in range(40):
        (rig.user / f"f/{number}").unlink()
    machine("run", "push")
    assert machine("answer", "deletions", "perhaps") == 2
    assert machine("answer", "destroyed", "save") == 2
    assert machine("answer", "deletions", "restore") == 0
    requests = rig.root / "run/requests"
    assert sorted(path.name for path in requests.iterdir()) == ["answer-deletions", "push"]
    assert machine("run", "push") == 0
    assert list(requests.iterdir()) == []
    assert rig.local() == rig.saved() == before
    assert machine.status()["questions"] == []
    assert machine("log") == 0
    assert "answer to deletions: restore" in machine.out


def test_requests_are_made_by_the_user_and_not_trusted(machine: Machine, tmp_path: Path) -> None:
    """Links, pipes, folders, and words that nobody asked for."""
    machine("run", "pull")
    requests = machine.rig.root / "run/requests"
    secret = tmp_path / "secret"
    secret.write_text("delete")
    (requests / "answer-deletions").symlink_to(secret)
    (requests / "answer-destroyed").write_bytes(b"\xff\xfe" * 1000)
    os.mkfifo(requests / "answer-pipe")
    (requests / "answer-folder").mkdir()
    (requests / "other").write_text("x")
    assert machine("run", "push") == 0
    assert secret.read_text() == "delete"


def test_log(machine: Machine) -> None:
    assert machine("log") == 0
    assert machine.out == ""
    assert not (machine.rig.state / INDEX).exists(), "who looks makes nothing"
    machine("run", "pull")
    machine.rig.write("a\n\udcff", b"one")
    machine("run", "push")
    machine.rig.web("a\n\udcff", b"theirs")
    machine.rig.write("a\n\udcff", b"two", age=10)
    machine("run", "push")
    assert machine("log") == 0
    assert "alarm  a\\n\\xff was changed in the data space as well" in machine.out
    machine("status")
    assert "alarm: " in machine.out


def test_log_by_somebody_who_may_not(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine("run", "pull")

    def refused(_: object, reading: bool) -> None:
        import sqlite3

        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(show, "Index", refused)
    assert machine("log") == 2
    assert "ask root" in machine.err


def damage_index(rig: Rig, damage: bytes) -> None:
    (rig.state / INDEX).write_bytes(damage)
    for end in ("-wal", "-shm"):
        (rig.state / (INDEX + end)).unlink(missing_ok=True)


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100])
@pytest.mark.parametrize("work", ["push", "scan"])
def test_a_damaged_index_costs_nothing(machine: Machine, damage: bytes, work: str) -> None:
    """It is put aside; the next timer's work compares everything again by content, and saving goes on."""
    rig = machine.rig
    rig.web("theirs", b"of the facility", age=5000)
    machine("run", "pull")
    for name in ("a", "changed here", "deleted here", "changed there"):
        rig.write(name, b"content of " + name.encode())
    machine("run", "push")
    damage_index(rig, damage)
    rig.write("changed here", b"newer than was saved", age=60)
    (rig.user / "deleted here").unlink()
    rig.web("changed there", b"by a stranger", age=30)
    rig.web("new there", b"new", age=3000)
    rig.write("b", b"more")
    before = rig.local()
    assert machine("run", work) == 0
    assert machine("run", "push") == 0
    assert {path: rig.local().get(path) for path in before} == before, "nothing here is replaced or renamed"
    assert rig.saved() == rig.local()
    assert rig.local()["deleted here"] == b"content of deleted here", "it is there again"
    assert [path for path in rig.local() if ".conflict-" in path and not path.startswith("changed there")] == []
    assert {b"content of changed here", b"by a stranger"} <= set(contents(rig.space, hidden=True).values())
    assert any("index was lost" in alarm for alarm in machine.status()["alarms"])
    assert machine("run", "verify") == 0


@pytest.mark.parametrize("later", [{"machine": "m2", "generation": 2}, None])
def test_without_the_index_nobody_takes_the_data_space_from_a_later_machine(machine: Machine, later: Any) -> None:
    """Nor once the lease was given back: who knows who was there since."""
    rig = machine.rig
    machine("run", "pull")
    rig.write("a")
    machine("run", "push")
    if later:
        replace(rig, root=rig.root.with_name("later"), **later).pull()
    else:
        with rig.world() as world:
            lease.release(world, sealed=True)
    leases = contents(rig.space / ".cloudify-scipion/lease")
    damage_index(rig, b"no database at all" * 100)
    rig.write("b")
    assert machine("run", "push") == 3
    assert list(rig.saved()) == ["a"]
    assert contents(rig.space / ".cloudify-scipion/lease") == leases
    rig.generation = 3
    assert machine("run", "pull") == 0, "a repair has decided so"
    assert machine("run", "push") == 0
    assert rig.saved() == rig.local()


def test_one_work_at_a_time(machine: Machine) -> None:
    machine("run", "pull")
    code = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDWR), 2); print(flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", code, str(machine.rig.state / "lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline()
        path = machine.rig.root / "config.json"
        pushing = subprocess.Popen(
            [sys.executable, "-m", "cloudify_scipion.agent", "--config", str(path), "run", "push"]
        )
        with pytest.raises(subprocess.TimeoutExpired):
            pushing.wait(0.5)
        assert other.stdin is not None
        other.stdin.close()
        assert pushing.wait(20) == 0


def test_health(machine: Machine, tmp_path: Path) -> None:
    machine("run", "pull")
    assert machine("health") == 0
    empty = tmp_path / "empty"
    empty.mkdir()
    assert machine("health", "--space", str(empty), "--dataset", str(empty), "--dataset", str(tmp_path / "none")) == 1
    assert machine.out.count("\n") == 3
    assert "lacks .cloudify-scipion/space.json" in machine.out and "is empty" in machine.out
    assert f"{tmp_path / 'none'} is absent" in machine.out


def test_what_a_killed_work_left_of_its_results(machine: Machine) -> None:
    machine("run", "pull")
    (machine.rig.state / "results/push.json").write_text("{")
    (machine.rig.root / "run/status.json").write_text("{")
    assert machine("status") == 0
    assert machine("run", "push") == 0
    assert machine.status()["last"]["push"]["ok"]


def test_each_run_has_an_identity(machine: Machine) -> None:
    machine("run", "pull")
    machine("run", "push")
    first = machine.result("push")["run"]
    machine("run", "push")
    assert machine.result("push")["run"] != first


def test_every_work_has_a_command() -> None:
    assert set(WORKS) == set(status.WORKS)
