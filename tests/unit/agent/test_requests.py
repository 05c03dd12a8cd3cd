"""What the agent, as root, reads of users and writes for them: whatever lies there, it leads nowhere."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest

from cloudify_scipion.agent.commands import opening, works
from cloudify_scipion.agent.ports.index import Index
from tests.unit.agent.rig import Rig
from tests.unit.agent.typed import run


def test_requests_may_be_anything(typed: Rig, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("delete")
    requests = typed.root / "run/requests"
    (requests / "answer-deletions").write_bytes(b"\xff\xfe" * 1000)
    (requests / "answer-destroyed").symlink_to(tmp_path / "secret")
    (requests / "answer-other").mkdir()
    os.mkfifo(requests / "answer-pipe")
    (requests / "push").mkdir()
    typed.write("a", b"one")
    assert run(typed, "push") == 0
    assert typed.saved() == {"a": b"one"}
    assert (tmp_path / "secret").read_text() == "delete"
    assert not (requests / "answer-deletions").exists()


def test_answering_writes_through_no_link(typed: Rig, tmp_path: Path) -> None:
    """Root answers; the user may write to the folder that answers go through."""
    for n in range(30):
        typed.write(f"f/{n}")
    run(typed, "push")
    for n in range(30):
        (typed.user / f"f/{n}").unlink()
    run(typed, "push")
    requests, precious = typed.root / "run/requests", tmp_path / "precious"
    precious.write_text("precious")
    (requests / "answer-deletions").symlink_to(precious)
    (requests / "push").symlink_to(tmp_path / "made")
    assert run(typed, "answer", "deletions", "restore") == 0
    assert precious.read_text() == "precious" and not (tmp_path / "made").exists()
    assert run(typed, "push") == 0
    assert len(typed.local()) == 30


def test_a_result_that_cannot_be_written(typed: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Path.write_text

    def full(self: Path, *given: object, **named: object) -> int:
        if self.suffix == ".part":
            raise OSError(28, "No space left on device")
        return plain(self, *given, **named)  # type: ignore[arg-type]

    typed.write("a", b"one")
    monkeypatch.setattr(Path, "write_text", full)
    assert run(typed, "push") == 75
    assert typed.saved() == {"a": b"one"}


def result(rig: Rig, work: str) -> dict[str, object]:
    document = json.loads((rig.state / f"results/{work}.json").read_bytes())
    assert isinstance(document, dict)
    return document


def test_an_error_that_nobody_thought_of_is_told(typed: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setitem(works.WORKS, "push", broken)
    assert run(typed, "push") == 1
    assert "nobody thought of this" in str(result(typed, "push")["message"])
    assert result(typed, "push")["ok"] is False


def test_a_full_disk_costs_no_index(typed: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    typed.write("a", b"one")
    run(typed, "push")

    class Full(Index):
        def __init__(self, path: Path | str) -> None:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    with monkeypatch.context() as patch:
        patch.setattr(opening, "Index", Full)
        assert run(typed, "push") == 75
    assert run(typed, "push") == 0
    assert typed.saved() == {"a": b"one"}


@pytest.mark.parametrize("where", [0, 5000])
def test_a_damaged_index_is_put_aside(typed: Rig, where: int) -> None:
    for n in range(300):
        typed.write(f"folder/{n}", str(n))
    run(typed, "push")
    with sqlite3.connect(typed.state / "index.sqlite") as index:
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    index.close()
    with (typed.state / "index.sqlite").open("r+b") as stream:
        size = stream.seek(0, 2)
        stream.seek(where)
        stream.write(b"\xa5" * (size - where))
    typed.write("new")
    run(typed, "push")  # the damage may be noticed in the middle of it
    assert run(typed, "push") == 0, "by itself"
    assert typed.saved() == typed.local()
    assert len(typed.saved()) == 301
    assert list(typed.state.glob("aside*"))


def test_names_that_are_no_text_everywhere(typed: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"\xff\xfe")
    typed.write(f".cloudify-scipion/{name}", b"x")
    (typed.user / f"fifo{name}").parent.mkdir(exist_ok=True)
    os.mkfifo(typed.user / f"fifo{name}")
    (typed.user / f"{name}").mkdir()
    typed.write(f"{name}/{name}", b"x")
    assert run(typed, "push") == 6
    assert run(typed, "status", "--json") == 0
    assert run(typed, "status", "--json") == 0
    assert capsys.readouterr().out.encode()
