"""Deletions that are held or not, what is asked about them, and for what an answer holds."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import replace

import pytest

from cloudify_scipion.agent import status
from cloudify_scipion.agent.cli import main
from cloudify_scipion.agent.commands.answer import take_answers
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.rig import Rig

HOUR, DAY = 3600.0, 86_400.0
RUN = "projects/p/Runs/000005_ProtRefine"


@pytest.fixture
def project(rig: Rig) -> Rig:
    """A large run in a small project."""
    for number in range(40):
        rig.write(f"{RUN}/extra/{number}", f"result {number}")
        rig.write(f"{RUN}/tmp/{number}", f"scratch {number}")
    rig.write(f"{RUN}/logs/run.stdout", "a long story")
    for number in range(5):
        rig.write(f"projects/p/Runs/000001_ProtImport/{number}")
    rig.push()
    return rig


def test_scratch_files_that_scipion_tidies_away_are_no_accident(project: Rig) -> None:
    shutil.rmtree(project.user / RUN / "tmp")
    assert project.push().deleted == 40
    assert project.questions() == [] and len(project.trash()) == 40


def test_a_run_that_scipion_restarts_is_no_accident(project: Rig) -> None:
    shutil.rmtree(project.user / RUN)
    project.write(f"{RUN}/logs/run.stdout", "anew", age=10)
    assert project.push().held == 0
    assert project.questions() == [] and len(project.trash()) == 81
    assert sorted(project.saved()) == sorted(project.local())


def test_a_run_that_is_gone_is_asked_about(project: Rig) -> None:
    shutil.rmtree(project.user / RUN)
    assert project.push().held == 81


def test_a_run_that_somebody_empties_is_asked_about(project: Rig) -> None:
    shutil.rmtree(project.user / RUN)
    (project.user / RUN).mkdir()
    assert project.push().held == 81


def test_a_part_of_a_run_is_asked_about_also_while_it_writes_its_log(project: Rig) -> None:
    shutil.rmtree(project.user / RUN / "extra")
    with (project.user / RUN / "logs/run.stdout").open("a") as log:
        log.write(" and more")
    assert project.push().held == 40


def test_a_restart_that_could_not_be_saved_at_once_is_still_one_later(project: Rig) -> None:
    class Sick(Tree):
        def entries(self, path: bytes) -> list[tuple[bytes, object]]:  # type: ignore[override]
            if path == b"projects/p/Runs/000001_ProtImport":
                raise OSError(errno.EIO, "Input/output error")
            return super().entries(path)  # type: ignore[return-value]

    shutil.rmtree(project.user / RUN)
    project.write(f"{RUN}/logs/run.stdout", "anew", age=10)
    sick = replace(project, trees=lambda path: Sick(path) if path == str(project.user) else Tree(path))
    with pytest.raises(Exception, match="cannot be read"):
        sick.push()
    assert project.push().held == 0 and project.questions() == []


@pytest.mark.parametrize("many", [40, 5])
def test_tidying_for_which_the_trash_has_no_room_is_asked_about_once_a_day(project: Rig, many: int) -> None:
    """Many files, or few that are large."""
    small, path = replace(project, trash_bytes=100), "projects/p/Runs/000006_ProtPick/tmp"
    small.write("projects/p/Runs/000006_ProtPick/run.log")
    for number in range(many):
        small.write(f"{path}/{number}", f"scratch {number} " * 20)
    small.push()
    shutil.rmtree(small.user / path)
    assert small.push().held == many and small.questions() == ["deletions"]
    small.answer("deletions", "delete")
    assert small.push().deleted == many
    for number in range(many):
        small.write(f"{path}/{number}", "again " * 20)
    small.push()
    shutil.rmtree(small.user / path)
    for hours, asked in ((1, []), (22, []), (2, ["deletions"]), (1, ["deletions"])):
        small.clock.pass_time(hours * HOUR)
        assert small.push().held == many
        assert small.questions() == asked


def test_a_single_file_that_the_trash_cannot_keep_is_asked_about(project: Rig) -> None:
    small = replace(project, trash_bytes=5000)
    small.write("volume.mrc", b"v" * 6000)
    small.push()
    (small.user / "volume.mrc").unlink()
    assert small.push().held == 1
    assert small.saved()["volume.mrc"] == b"v" * 6000
    small.answer("deletions", "delete")
    small.push()
    assert b"v" * 6000 in small.trash().values(), "deleted as wished, and kept for its time all the same"
    small.clock.pass_time(8 * DAY)
    small.write("x")
    small.push()
    assert b"v" * 6000 not in small.trash().values()


def test_an_answer_holds_for_the_very_paths_that_were_asked_about(project: Rig) -> None:
    """As many files that are gone instead are another question."""
    extra, aside = project.user / RUN / "extra", project.root / "aside"
    extra.rename(aside)
    assert project.push().held == 40
    project.answer("deletions", "delete")
    aside.rename(extra)
    for number in range(40):
        project.write(f"others/{number}")
    project.clock.pass_time(1)
    with project.world() as world:
        assert world.index.people.answer_to("deletions") == "delete"
    others = project.user / "projects/p/Runs/000001_ProtImport"
    shutil.rmtree(others)
    shutil.rmtree(project.user / RUN / "extra")
    (project.user / RUN / "extra").mkdir()
    for number in range(40):
        project.write(f"{RUN}/extra/{number}", f"result {number}")
    shutil.rmtree(project.user / RUN / "logs")
    before = project.saved()
    project.push()
    assert {path for path in before if "/extra/" in path} <= set(project.saved())


def test_an_answer_to_what_was_seen_does_not_hold_for_what_came_since(project: Rig) -> None:
    """The window showed the first question; until the answer came, much more was gone."""
    for number in range(45):
        project.write(f"others/{number}")
    project.push()
    shutil.rmtree(project.user / RUN / "extra")
    assert project.push().held == 40
    file = project.root / "config.json"
    file.write_text(json.dumps(project.document()))
    status.write_summary(project.config(), {})
    assert main(["--config", str(file), "answer", "deletions", "delete"]) == 0
    shutil.rmtree(project.user / "others")
    before = project.saved()
    assert project.push().held == 85
    with project.world() as world:
        take_answers(project.config(), world)
    assert project.push().held == 85
    assert project.saved() == before and project.questions() == ["deletions"], "asked anew, about all of it"


def test_an_answer_to_destroyed_files_holds_for_those_that_it_was_asked_about(rig: Rig) -> None:
    for name in ("a", "b"):
        rig.write(name, f"content of {name}")
    rig.push()
    rig.clock.boot_id = "after the crash"
    rig.write("a", b"", age=10)
    assert rig.push().held == 1
    rig.answer("destroyed", "save")
    rig.write("b", b"", age=10)
    assert rig.push().held == 1
    assert rig.saved() == {"a": b"", "b": b"content of b"}
    assert rig.questions() == ["destroyed"]


def test_held_files_have_a_total_that_people_see(project: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    small = replace(project, trash_bytes=5000)
    small.write("large", b"l" * 6000)
    small.push()
    shutil.rmtree(small.user / RUN / "extra")
    small.write("large", b"oops", age=10)
    small.push()
    status.write_summary(small.config(), {})
    found = status.document(small.config())
    size = 6000 + sum(len(f"result {number}") for number in range(40))
    assert found["held"] == {"files": 41, "bytes": size}
    assert found["unsaved"] == 1, "a changed file that waits is not saved"
    assert any("waiting for an answer: 41 files, 6.3 kB" in line for line in status.lines(found))


class NoLinks(Tree):
    """A data space without symbolic links: the manifest has them."""

    def symlink(self, target: bytes, path: bytes) -> None:
        raise OSError(errno.EPERM, "no links", path)


@pytest.fixture
def replaced(new: Rig) -> Rig:
    """A folder with many files that a file of its name has replaced."""
    rig = replace(new, trees=lambda path: NoLinks(path) if path == str(new.space) else Tree(path))
    rig.pull()
    rig.write("a")
    for number in range(20):
        rig.write(f"Runs/{number}", str(number))
        (rig.user / f"Runs/link{number}").symlink_to(f"/data/{number}")
    rig.push()
    shutil.rmtree(rig.user / "Runs")
    rig.write("Runs", b"oops: a script wrote here")
    return rig


def test_a_folder_that_a_file_replaces_waits_as_a_whole(replaced: Rig) -> None:
    before = replaced.saved()
    for _ in range(3):
        assert replaced.push().held == 41
        assert replaced.questions() == ["deletions"] and replaced.saved() == before
    with replaced.world() as world:
        assert len(world.index.files.rows(b"Runs/link%d" % number for number in range(20))) == 20
        assert world.index.unsaved() == 1


def test_a_folder_that_a_file_replaced_comes_back_beside_it(replaced: Rig) -> None:
    replaced.push()
    replaced.answer("deletions", "restore")
    replaced.push()
    replaced.push()
    local = replaced.local()
    assert local["Runs"] == b"oops: a script wrote here" and replaced.questions() == []
    (name,) = {path.split("/")[0] for path in local} - {"a", "Runs"}
    assert name.startswith("Runs.restored-")
    assert {path.split("/")[1]: content for path, content in local.items() if "/" in path} == {
        **{str(number): b"%d" % number for number in range(20)},
        **{f"link{number}": b"-> /data/%d" % number for number in range(20)},
    }
    assert replaced.saved() == {path: content for path, content in local.items() if not content.startswith(b"-> ")}


def test_a_folder_that_a_file_replaced_goes_if_somebody_says_so(replaced: Rig) -> None:
    replaced.push()
    replaced.answer("deletions", "delete")
    replaced.push()
    assert replaced.saved() == replaced.local() == {"a": b"content", "Runs": b"oops: a script wrote here"}
    assert len(replaced.trash()) == 40, "links as well"


@pytest.mark.parametrize("answer", ["keep", "discard"])
@pytest.mark.parametrize("links", [True, False])
def test_a_large_file_that_a_link_replaces_is_asked_about(new: Rig, links: bool, answer: str) -> None:
    rig = replace(
        new, trash_bytes=1000, trees=lambda path: NoLinks(path) if path == str(new.space) and not links else Tree(path)
    )
    rig.pull()
    rig.write("volume.mrc", b"v" * 6000)
    rig.write("raw")
    rig.push()
    (rig.user / "volume.mrc").unlink()
    (rig.user / "volume.mrc").symlink_to("raw")
    for _ in range(2):
        assert rig.push().held == 1 and rig.questions() == ["replaced"]
        assert rig.saved()["volume.mrc"] == b"v" * 6000 and not rig.trash()
    rig.answer("replaced", answer)
    rig.push()
    assert rig.saved().get("volume.mrc", b"-> raw") == b"-> raw" and rig.questions() == []
    assert list(rig.trash().values()) == ([b"v" * 6000] if answer == "keep" else [])
    assert rig.local()["volume.mrc"] == b"-> raw"


def test_a_file_that_came_back_meanwhile_is_not_deleted(rig: Rig) -> None:
    for name in "abcde":
        rig.write(name, name)
    rig.push()
    (rig.user / "a").rename(rig.root / "aside")

    class Late(Tree):
        """The file is back by the time that deletions begin."""

        def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
            if new == b"new":
                (rig.root / "aside").rename(rig.user / "a")
            super().rename(old, new, replace)

    rig.write("new", b"new")
    rig.trees = Late
    assert rig.push().deleted == 0
    assert rig.saved()["a"] == b"a"


def test_an_answer_counts_for_what_was_asked(rig: Rig) -> None:
    for n in range(100):
        rig.write(f"f/{n}", str(n))
    rig.push()
    for n in range(40):
        (rig.user / f"f/{n}").unlink()
    rig.push()
    rig.answer("deletions", "delete")
    for n in range(40, 95):
        (rig.user / f"f/{n}").unlink()
    assert rig.push().held == 95
    assert rig.questions() == ["deletions"]
    assert len(rig.saved()) == 100


def test_what_a_crash_emptied_comes_back_beside_each_time_once(rig: Rig) -> None:
    names = ["n" * 250 + str(n) for n in range(3)]
    for name in names:
        rig.write(name, name)
    rig.push()
    rig.clock.boot_id = "boot-2"
    for name in names:
        rig.write(name, b"", age=10)
    rig.push()
    rig.answer("destroyed", "restore")
    rig.push()
    rig.push()
    assert set(names) <= {content.decode() for content in rig.saved().values()}
    assert len(rig.saved()) == 6
    assert rig.saved() == rig.local()
