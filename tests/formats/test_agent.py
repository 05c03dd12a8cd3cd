"""Files on a volume and in a data space, as earlier versions of the agent wrote them and as later ones may."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent import cli
from cloudify_scipion.agent.config import load_config
from cloudify_scipion.agent.errors import WrongUse
from tests.formats.kept import one
from tests.unit.agent.rig import Rig, contents


@dataclass
class Old(Rig):
    """The machine whose volume, data space and configuration are kept."""

    configured: Path = Path()

    def document(self) -> dict[str, Any]:
        kept: dict[str, Any] = json.loads(self.configured.read_text())
        here = {**super().document(), "volume": kept["volume"]}
        places = ("mark", "tree", "state", "user_path", "run", "user", "volume", "space")
        return {**kept, **{name: here[name] for name in places}}

    def run(self, *words: str) -> int:
        path = self.root / "config.json"
        path.write_text(json.dumps(self.document()))
        return cli.main(["--config", str(path), *words])

    def manifest(self) -> dict[str, bytes]:
        return contents(self.space / ".cloudify-scipion/manifest", hidden=True)


@pytest.fixture
def machine(kept: Path) -> Old:
    """That machine, with its index."""
    return Old(kept / "volume", kept / "space", project="relion-2d", configured=one(kept, "agent's configuration"))


@pytest.fixture
def bare(machine: Old) -> Old:
    """A new machine with an empty volume: what it knows, it knows from the data space."""
    for folder in (machine.user, machine.state):
        shutil.rmtree(folder)
    machine.__post_init__()
    return machine


def change(path: Path, do: Callable[[Any], Any]) -> None:
    path.write_text(json.dumps(do(json.loads(path.read_text()))))


def test_all_of_it_goes_on_as_if_nothing_was_upgraded(machine: Old) -> None:
    mine, theirs, trash = machine.local(), machine.saved(), machine.trash()
    assert len(mine) == 5 and mine == theirs and sorted(trash) == ["20261129T21-g1/figure.png", "kept/raw%2Fnotes.txt"]
    for work in ("push", "scan", "verify"):
        assert machine.run("run", work) == 0
    assert (machine.local(), machine.saved(), machine.trash()) == (mine, theirs, trash)
    assert machine.alarms() == [] and machine.questions() == []
    assert not list(machine.state.glob("aside*"))
    machine.write("new", b"results of the upgraded machine")
    assert machine.run("run", "push") == 0
    assert machine.saved() == machine.local() and len(machine.saved()) == 6


def test_the_index(machine: Old) -> None:
    with machine.world() as world:
        assert {path for path, _ in world.index.files.all()} == {name.encode() for name in machine.local()}
        assert world.index.unsaved() == 0 and world.index.get_state("pulled")
        assert world.index.trash.names(b".cloudify-scipion/trash/kept") == {
            b".cloudify-scipion/trash/kept/raw%2Fnotes.txt"
        }


def test_results_and_summary(machine: Old, capsys: pytest.CaptureFixture[str]) -> None:
    (machine.root / "run/status.json").write_bytes((machine.state / "status.json").read_bytes())
    assert machine.run("status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["saved"] == "2026-11-29T21:10:27+00:00" and set(told["last"]) == {"pull", "push"}


def test_the_manifest_gives_a_new_machine_everything(bare: Old) -> None:
    theirs = bare.saved()
    assert bare.run("run", "pull") == 0
    assert bare.local() == bare.saved() == theirs
    assert bare.alarms() == []
    assert (bare.user / "figure.png").stat().st_ino != (bare.user / "same-figure.png").stat().st_ino
    assert (bare.user / "latest").is_symlink()


@pytest.mark.parametrize(("version", "which"), [(2, "an earlier"), (4, "a later")])
def test_an_index_of_another_version_is_put_aside_with_a_word(
    machine: Old, version: int, which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, before = machine.state / "index.sqlite", machine.saved()
    with closing(sqlite3.connect(path)) as index:
        index.execute(f"PRAGMA user_version={version}")
        index.execute("DROP TABLE files")
    theirs = path.read_bytes()
    machine.write("new", b"results")
    assert machine.run("run", "push") == 0
    assert machine.saved() == {**before, "new": b"results"} == machine.local()
    assert machine.alarms() == [] and machine.questions() == []
    (aside,) = machine.state.glob("aside-*")
    assert aside.read_bytes() == theirs
    assert machine.run("log") == 0
    told = capsys.readouterr().out
    assert f"the index is of {which} version of this software ({version}, not 3): it is put aside" in told
    assert machine.run("run", "verify") == 0


def test_a_later_manifest_is_read_by_nobody_and_nothing_goes(machine: Old, capsys: pytest.CaptureFixture[str]) -> None:
    """Gone on with by a later version, and then that was taken away: whatever it says stays, and all else too."""
    last = max((machine.space / ".cloudify-scipion/manifest").iterdir())
    header, _, rest = gzip.decompress(last.read_bytes()).partition(b"\n")
    later = json.dumps({**json.loads(header), "version": 2, "number": 3, "base": True}).encode()
    last.with_name("00000003.json.gz").write_bytes(gzip.compress(later + b"\n" + rest))
    (machine.user / "figure.png").unlink()
    before, saved = machine.manifest(), machine.saved()
    machine.write("new", b"results")
    for _ in range(2):
        assert machine.run("run", "push") == 1
        said = capsys.readouterr().err
        assert "is one of a later version of this software (version 2): it stays as it is" in said
        assert "next: install that version again, and repair the project" in said
    assert machine.manifest() == before
    assert machine.saved().items() | {("figure.png", b"second figure")} >= saved.items()
    assert b"second figure" in machine.trash().values()
    last.with_name("00000003.json.gz").unlink()
    assert machine.run("run", "push") == 0
    assert machine.saved() == machine.local()


def test_a_new_machine_makes_nothing_of_a_later_manifest(bare: Old) -> None:
    for path in (bare.space / ".cloudify-scipion/manifest").iterdir():
        header, _, rest = gzip.decompress(path.read_bytes()).partition(b"\n")
        path.write_bytes(gzip.compress(json.dumps({**json.loads(header), "version": 2}).encode() + b"\n" + rest))
    before = bare.manifest(), bare.saved(), bare.trash()
    assert bare.run("run", "pull") == 1
    assert (bare.manifest(), bare.saved(), bare.trash()) == before
    assert bare.run("run", "seal") != 0 and not (bare.state / "seal.json").exists()


def test_a_later_lease_is_known_by_its_name(machine: Old, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = (machine.space / ".cloudify-scipion/lease").iterdir()
    nonce = json.loads(path.read_text())["nonce"]
    path.write_text(json.dumps({"format": 2, "owner": {"project": "relion-2d"}, "nonce": nonce}))
    assert machine.run("run", "push") == 0  # it is ours
    path.rename(path.with_name("g00000009-0123456789-0123456789"))
    before = machine.saved()
    machine.write("new", b"results")
    assert machine.run("run", "push") == 3
    assert "the data space belongs to project 'unknown'" in capsys.readouterr().err
    assert machine.saved() == before


def test_what_a_later_version_put_into_the_trash_stays_there(machine: Old) -> None:
    space = machine.space / ".cloudify-scipion/trash"
    (space / "by-day").mkdir()
    (space / "by-day/2027-01-01!figure.png").write_bytes(b"theirs")
    assert machine.run("run", "scan") == 0 and machine.run("run", "push") == 0
    assert machine.trash()["by-day/2027-01-01!figure.png"] == b"theirs"
    with machine.world() as world:
        assert [kept.decode() for kept in world.index.trash.names(b".cloudify-scipion/trash/by-day")]
        assert [version.name for version in world.index.trash.expendable()] == [
            b".cloudify-scipion/trash/20261129T21-g1/figure.png"
        ]


def test_a_data_space_is_marked_by_the_file_whatever_is_in_it(machine: Old) -> None:
    mark = machine.space / ".cloudify-scipion/space.json"
    mark.write_text('{"format": 2}')
    assert machine.run("run", "push") == 0
    assert mark.read_text() == '{"format": 2}'


def test_the_volume_of_a_later_version_is_not_written(machine: Old, capsys: pytest.CaptureFixture[str]) -> None:
    change(machine.mark, lambda mark: {**mark, "version": 2})
    before = machine.saved()
    machine.write("new", b"results")
    assert machine.run("run", "push") == 4
    assert "the volume was made by a later version of this software" in capsys.readouterr().err
    assert machine.saved() == before


def test_a_later_configuration_is_none(machine: Old) -> None:
    change(machine.configured, lambda config: {**config, "version": 2})
    with pytest.raises(WrongUse, match="the configuration has version 2, not 1") as caught:
        load_config(machine.configured)
    assert caught.value.next_step == "repair the project"


@pytest.mark.parametrize(("kind", "whole"), [("directory", True), ("onedata", False)])
def test_a_machine_that_was_told_the_kind_of_data_space_alone(machine: Old, kind: str, whole: bool) -> None:
    change(machine.configured, lambda config: {**config, "space": {**config["space"], "kind": kind}})
    assert load_config(machine.configured).syncs_whole is whole


def test_what_a_later_version_says_of_itself_is_passed_over(machine: Old, capsys: pytest.CaptureFixture[str]) -> None:
    kept = json.loads((machine.state / "status.json").read_text())
    (machine.root / "run/status.json").write_text(json.dumps({**kept, "colour": "green"}))
    assert machine.run("status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["saved"] == kept["saved"]
    (machine.state / "results/push.json").write_text('["format", 2]')
    assert machine.run("run", "scan") == 0
    assert "push" not in json.loads((machine.state / "status.json").read_text())["last"]
