"""A file or folder of the agent's own on the volume fails for ever: the user's data are saved, or it is named; no seal
without proof."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloudify_scipion.agent import cli
from cloudify_scipion.agent.work.lease import lease
from tests.seeds import sample
from tests.unit.agent.rig import Rig, contents
from tests.unit.agent.sick_folder import Sick, Where, make_sick
from tests.unit.agent.sqlite_files import left as left_behind

ERRORS = (errno.EIO, errno.EACCES, errno.EINVAL, errno.ENOSPC, errno.EROFS, errno.ESTALE, errno.EDQUOT,
          errno.ENAMETOOLONG, errno.EOVERFLOW)  # fmt: skip
WORKS = ("push", "scan", "verify", "seal")
Cases = Sequence[tuple[str, str, int]]
NEEDED = (".", "lock", "index.sqlite")
"""Without these nothing can be saved: two works at once, or what both sides had in common, would not be known."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudify_scipion.agent.work.world.is_read_only", lambda _: True)
    monkeypatch.setattr("cloudify_scipion.agent.ports.calls.WAITS", (0.01,))
    monkeypatch.setattr("cloudify_scipion.agent.ports.clock.Clock.sleep", lambda *_: None)


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """Where nothing waits for a disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108
        yield Path(folder)


@pytest.fixture(scope="module")
def waiting(memory: Path) -> Path:
    """A project with all kinds of changes on both sides; a database that somebody has open by its log, too."""
    folder = memory / "waiting"
    rig = Rig(folder / "volume", folder / "space")
    rig.web("original", b"facility", age=5000)
    rig.pull()
    for name in ("a", "b/c", "deleted", "flipped there"):
        rig.write(name, b"old " + name.encode())
    rig.push()
    rig.write("a", b"new", age=60)
    rig.write("d/e")
    rig.write("large", b"large" * 100_000)
    (rig.user / "deleted").unlink()
    (rig.user / "link").symlink_to("a")
    with closing(sqlite3.connect(rig.user / "database")) as database:
        database.executescript("CREATE TABLE t(x); INSERT INTO t VALUES (1)")
    rig.web("theirs/new", b"from the web", age=400)
    rig.web("original", b"changed in the web", age=400)
    (rig.state / "ballast").unlink(missing_ok=True)
    (rig.state / "pulled").touch()
    (rig.state / "seal.json").write_text("{}")
    return folder


def project(waiting: Path, target: Path) -> Rig:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(waiting, target, symlinks=True)
    return Rig(target / "volume", target / "space")


def command(rig: Rig, work: str, capture: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and what is said, of which nothing may be a traceback."""
    path = rig.root / "config.json"
    path.write_text(json.dumps(rig.document()))
    code = cli.main(["--config", str(path), "run", work])
    said = capture.readouterr().err
    assert "Traceback" not in said and "error of the agent" not in said, said
    return code, said


def all_calls(rig: Rig, works: tuple[str, ...], capture: pytest.CaptureFixture[str]) -> set[Where]:
    """What a machine that is well does in its own folder."""
    with pytest.MonkeyPatch.context() as patch:
        sick = Sick(rig.state)
        make_sick(sick, patch)
        for work in works:
            code, said = command(rig, work, capture)
            assert code == 0, (work, said)
    return sick.seen


def check(rig: Rig, sick: Sick, capture: pytest.CaptureFixture[str]) -> None:
    label = f"{sick.call} {os.strerror(sick.error)} {sick.place}"
    wanted, database = rig.local(), (rig.user / "database").read_bytes()
    named = str(rig.state / sick.place.split("#")[0].rstrip("-").removesuffix("trial").rstrip("/"))
    if sick.place.endswith(".part"):
        named = named.replace(".part", ".json")
    unpulled = False
    for work in WORKS:
        sick.hit = 0
        with pytest.MonkeyPatch.context() as patch:
            make_sick(sick, patch)
            code, said = command(rig, work, capture)
        if code and not (work == "verify" and unpulled):
            assert sick.hit and named in said or (sick.call == "rename" and "original" in said), (label, work, said)
        assert not code or "next: " in said, (label, work, said)
        unpulled |= work == "scan" and "original" in said
        if sick.place not in NEEDED:
            saved = rig.saved()
            lacking = [path for path in wanted if path not in saved]
            excused = ["database"] if sick.place.startswith("tmp") and "database" in said else []
            assert [path for path in lacking if path not in excused] == [], (label, work, said)
        if work == "seal" and code == 0:
            assert json.loads((rig.state / "seal.json").read_text())["files"], label
            assert rig.saved().keys() >= rig.local().keys(), label
    assert (rig.user / "database").read_bytes() == database, label
    for work in ("push", "scan", "push", "verify", "seal"):
        code, said = command(rig, work, capture)
        assert code == 0, (label, "well again", work, said)
    assert rig.saved().keys() == rig.local().keys() >= wanted.keys(), (label, sorted(rig.saved()), sorted(rig.local()))
    assert not list((rig.state / "tmp").iterdir()), (label, list((rig.state / "tmp").iterdir()))
    kept = {*contents(rig.space, hidden=True).values(), *rig.local().values()}
    assert {b"old a", *wanted.values()} - {database} <= kept, (label, {b"old a", *wanted.values()} - kept)


def check_pull(rig: Rig, sick: Sick, capture: pytest.CaptureFixture[str]) -> None:
    """All is here, or it is named; and nothing of the data space goes by what is missing here."""
    label, there = f"{sick.call} {os.strerror(sick.error)} {sick.place}", rig.saved()
    named = str(rig.state / sick.place.split("#")[0].rstrip("/")).replace(".part", ".json")
    with pytest.MonkeyPatch.context() as patch:
        make_sick(sick, patch)
        code, said = command(rig, "pull", capture)
        command(rig, "push", capture)
    assert not code or "next: " in said, (label, said)
    assert not code or named in said or (sick.call == "rename" and "original" in said), (label, said)
    assert code or rig.local() == there, label
    assert rig.saved() == there, label
    for work in ("pull", "push", "verify", "seal"):
        code, said = command(rig, work, capture)
        assert code == 0, (label, "well again", work, said)
    assert rig.saved() == rig.local() == there, label


@pytest.fixture(scope="module")
def left(memory: Path) -> Path:
    """What another machine has left in the data space, and others have put there."""
    folder = memory / "left"
    rig = Rig(folder / "other", folder / "space")
    rig.pull()
    for name in ("a", "b/c"):
        rig.write(name, b"old " + name.encode())
    (rig.user / "link").symlink_to("a")
    rig.push()
    with rig.world() as world:
        lease.release(world)
    rig.web("original", b"facility", age=5000)
    rig.web("large", b"large" * 100_000, age=5000)
    return Rig(folder / "volume", folder / "space", machine="m2", generation=2).root.parent


def other(left: Path, target: Path) -> Rig:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(left, target, symlinks=True)
    return Rig(target / "volume", target / "space", machine="m2", generation=2)


def cases(seen: set[Where]) -> list[tuple[str, str, int]]:
    """(call, place, error)"""
    return [(call, place, error) for call, place in sorted(seen) for error in ERRORS]


@dataclass(frozen=True)
class Way:
    """A project to begin with, its works, and what must hold whatever fails."""

    begin: Callable[[Path, Path], Rig]
    works: tuple[str, ...]
    check: Callable[[Rig, Sick, pytest.CaptureFixture[str]], None]


SAVING, PULLING = Way(project, WORKS, check), Way(other, ("pull",), check_pull)


def check_all(way: Way, begin: Path, where: Path, some: Callable[[Cases], Cases],
              capture: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    seen = all_calls(way.begin(begin, where / "project"), way.works, capture)
    for call, place, error in some(cases(seen)):
        rig = way.begin(begin, where / "project")
        way.check(rig, Sick(rig.state, call, place, error), capture)


def a_few(found: Cases) -> Cases:
    return sample(found, 6)


def half(found: Cases) -> Cases:
    """Others every day; CLOUDIFY_SCIPION_SOAK=1: all of them."""
    return sample(found, len(found) // 2)


def test_some_of_it_while_saving(waiting: Path, memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_all(SAVING, waiting, memory, a_few, capsys)


def test_some_of_it_in_the_first_pull(left: Path, memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_all(PULLING, left, memory, a_few, capsys)


@pytest.mark.long
def test_each_call_with_each_error_while_saving(
    waiting: Path, memory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_all(SAVING, waiting, memory, half, capsys)


@pytest.mark.long
def test_each_call_with_each_error_in_the_first_pull(
    left: Path, memory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_all(PULLING, left, memory, half, capsys)


@pytest.mark.parametrize("end", ["", "-wal"])
def test_a_damaged_index_that_cannot_be_put_aside_is_named(
    waiting: Path, memory: Path, end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no new one begins beside what the old one has left: SQLite would replay that in it."""
    rig = project(waiting, memory / "project")
    index = rig.state / "index.sqlite"
    index.write_bytes(b"no database at all" * 100)
    Path(f"{index}-wal").write_bytes(b"what the old one has left")
    with pytest.MonkeyPatch.context() as patch:
        make_sick(Sick(rig.state, "rename", f"index.sqlite{end}"), patch)
        code, said = command(rig, "push", capsys)
    assert code == 4 and f"{index}{end}: Input/output error" in said and "next: the operator" in said
    assert index.read_bytes() == b"no database at all" * 100
    assert command(rig, "push", capsys)[0] == 0 and rig.saved().keys() >= rig.local().keys()


def test_nor_is_it_where_that_is_found_by_a_work(
    waiting: Path, memory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = project(waiting, memory / "project")
    with pytest.MonkeyPatch.context() as patch:
        damaged = {("COMMIT", "index.sqlite"): errno.EUCLEAN}
        make_sick(Sick(rig.state, "rename", "index.sqlite", also=damaged), patch)
        code, said = command(rig, "push", capsys)
    assert code == 4 and f"{rig.state}/index.sqlite: Input/output error" in said and "next: the operator" in said
    assert json.loads((rig.state / "results/push.json").read_text())["code"] == 4
    assert command(rig, "push", capsys)[0] == 0 and rig.saved().keys() >= rig.local().keys()


@pytest.mark.parametrize("call", ["connect", "execute"])
def test_a_copy_that_cannot_be_opened_proves_nothing(
    memory: Path, call: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """That SQLite can open neither copy, the volume's and the data space's, does not make them the same."""
    shutil.rmtree(memory / "project", ignore_errors=True)
    rig = Rig(memory / "project/volume", memory / "project/space")
    rig.pull()
    left_behind(memory, rig.user, "database", "-wal")
    rig.push()
    with pytest.MonkeyPatch.context() as patch:
        make_sick(sick := Sick(rig.state, call, "tmp/#"), patch)
        code, said = command(rig, "seal", capsys)
    assert sick.hit and code and str(rig.state / "tmp") in said and "database: " in said, said
    assert not (rig.state / "seal.json").exists()
    assert command(rig, "seal", capsys)[0] == 0
