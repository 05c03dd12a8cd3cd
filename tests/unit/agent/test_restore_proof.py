"""Before the seal: what a new machine would get is compared with the volume, and any difference refuses the seal."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from cloudify_scipion.agent.errors import Unsaved
from cloudify_scipion.agent.plan.manifest import Entry
from cloudify_scipion.agent.ports.tables.trial import Read
from cloudify_scipion.agent.work.content import read_whole
from cloudify_scipion.agent.work.manifest import write
from cloudify_scipion.agent.work.seal import prove_restore
from cloudify_scipion.agent.work.seal.compare import Proven
from cloudify_scipion.agent.work.seal.prove_restore import new_trial, prove
from cloudify_scipion.agent.work.seal.verify import verify
from tests.unit.agent.restored import differences, restore_from_copy
from tests.unit.agent.rig import Rig


def database(path: Path, *rows: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE IF NOT EXISTS steps(what TEXT)")
        made.executemany("INSERT INTO steps VALUES (?)", [(row,) for row in rows])
        made.commit()


@pytest.fixture
def full(rig: Rig) -> Rig:
    """Something of every kind."""
    rig.write("a/file", b"content").chmod(0o640)
    os.link(rig.user / "a/file", rig.user / "a/name")
    rig.write("odd\udcff\n", b"odd")
    (rig.user / "link").symlink_to("a/file")
    (rig.user / "empty/inside").mkdir(parents=True)
    (rig.user / "a").chmod(0o711)
    database(rig.user / "project.sqlite", "import")
    return rig


def proven(rig: Rig) -> Proven:
    with rig.world() as world, new_trial(world) as trial:
        for path, row in world.index.files.all():
            if row.kind == "f":
                digest, facts, database = read_whole(world.space, row.stored or path)
                read = Read(row.stored, digest, facts.st_mode, facts.st_mtime_ns, int(database))
                trial.note_read([(path, read)])
        return prove(world, trial)


def test_what_is_proven_stands_in_the_seal(full: Rig, tmp_path: Path) -> None:
    made = full.seal()
    assert made.restore == {"files": 4, "folders": 3, "links": 1, "databases": 1}
    assert differences(full.user, restore_from_copy(full, tmp_path / "new").user) == []
    assert list((full.state / "tmp").iterdir()) == []


def test_a_file_takes_about_a_kilobyte_on_the_volume(rig: Rig) -> None:
    """As much as the page says, with paths as long as Scipion's are; a log of all that was written would double it."""
    folder = "projects/TestRelion/Runs/000000_ProtRelionClassify2D/extra"
    for number in range(2000):
        rig.write(f"{folder}/micrographs_{number:07}_aligned_doseweighted.mrc")
    rig.push()
    with rig.world() as world, new_trial(world) as trial:
        verify(world, trial)
        assert prove(world, trial).wrong == []
        trial.commit()
        size, *others = sorted((path.stat().st_size for path in (rig.state / "tmp").iterdir()), reverse=True)
    assert size < 2000 * 1500 and not any(others)


def test_no_content_is_read_again(full: Rig) -> None:
    full.push()
    with full.world() as world, new_trial(world) as trial:
        verify(world, trial)
        no_read = mock.patch.object(type(world.space), "open_with_facts", side_effect=AssertionError("read"))
        with no_read, mock.patch.object(prove_restore, "chain", return_value=[]):
            prove(world, trial)


CHANGES: dict[str, tuple[Callable[[Rig], object], str]] = {
    "a file": (lambda rig: (rig.user / "a/new").write_bytes(b"x"), "a/new: it is not known to be saved"),
    "a link's target": (
        lambda rig: ((rig.user / "link").unlink(), (rig.user / "link").symlink_to("else")), "link: it would point to",
    ),
    "a mode": (lambda rig: (rig.user / "odd\udcff\n").chmod(0o755), "it would have mode 644 instead of 755"),
    "a time": (lambda rig: os.utime(rig.user / "project.sqlite", ns=(1, 1)), "it would have the time"),
    "an empty folder": (lambda rig: (rig.user / "empty/other").mkdir(), "empty/other: the folder would not be there"),
    "a folder's mode": (lambda rig: (rig.user / "empty").chmod(0o700), "empty: it would have mode 755 instead of 700"),
    "two names of a file": (
        lambda rig: ((rig.user / "a/name").unlink(), rig.write("a/name", b"content", 3600)), "a/name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_any_difference_is_seen(full: Rig, what: str) -> None:
    """As if it had never been saved."""
    full.push()
    assert proven(full).wrong == []
    change, text = CHANGES[what]
    change(full)
    wrong = [f"{os.fsdecode(path)}: {reason}" for path, reason in proven(full).wrong]
    assert any(text in line for line in wrong), wrong


def lies_about(kind: str) -> Callable[[bytes, object], Entry]:
    def entry(path: bytes, row: object) -> Entry:
        made = plain(path, row)  # type: ignore[arg-type]
        if made.path == b"a/file" and kind == "mode":
            return Entry(**{**made.__dict__, "mode": 0o600})
        if made.path == b"a/name" and kind == "names":
            return Entry(**{**made.__dict__, "link": b""})
        return made

    plain = write.entry_of
    return entry


@pytest.mark.parametrize(("kind", "text"), [("mode", "a/file: it would have"), ("names", "a/name: it would not be")])
def test_a_manifest_that_says_otherwise_refuses_the_seal(
    full: Rig, kind: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(write, "entry_of", lies_about(kind))
        with pytest.raises(Unsaved, match=text) as refused:
            full.seal()
    assert "the volume is kept" in refused.value.next_step
    assert not (full.state / "seal.json").exists()
    full.seal()  # it is written again as a whole


def test_an_old_journal_beside_a_database_refuses_the_seal(full: Rig) -> None:
    """SQLite would roll back what was saved: what the new machine would see is not what is here."""
    path = full.user / "project.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size=1")
        writer.execute("BEGIN")
        writer.executemany("INSERT INTO steps VALUES (?)", [(f"step {n}" * 99,) for n in range(200)])
        journal = (full.user / "project.sqlite-journal").read_bytes()
        writer.execute("COMMIT")
    assert journal.startswith(b"\xd9\xd5\x05\xf9")
    full.push()
    (full.space / "project.sqlite-journal").write_bytes(journal)
    wrong = proven(full).wrong
    assert [path for path, _ in wrong] == [b"project.sqlite"], wrong
    assert "project.sqlite-journal" in wrong[0][1]


def test_what_others_have_put_there_is_no_difference(full: Rig) -> None:
    full.push()
    full.web("of others", b"more")
    found = proven(full)
    assert (found.wrong, found.more) == ([], 1)


def test_excluded_files_that_were_never_here(full: Rig, tmp_path: Path) -> None:
    """What the project does not want is not pulled; what was made here all the same comes back."""
    full.web("movies/1.tif", b"raw")
    full.exclude = ("movies", "a")
    full.seal()
    new = restore_from_copy(full, tmp_path / "new")
    assert differences(full.user, new.user) == []
    assert not (new.user / "movies").exists() or not list((new.user / "movies").iterdir())
