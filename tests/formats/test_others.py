"""Rendered folders, what Cloudify and machines remember, seals as the host reads them: of other versions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import workflow_record as wr
import yaml

from cloudify_scipion.adapters import puppet_applied
from cloudify_scipion.adapters.puppet_applied import Applied
from cloudify_scipion.adapters.state import ProjectFolders
from cloudify_scipion.blueprint.folder import write_folder
from cloudify_scipion.blueprint.parse import parse_blueprint
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.agent import agent_status
from cloudify_scipion.lifecycle.facts import CommandResult, VolumeFacts
from cloudify_scipion.lifecycle.made import MADE, Made, made_from
from cloudify_scipion.lifecycle.proof import keep_seal, valid_seal
from cloudify_scipion.lifecycle.record import Record
from tests.fakes.deployment import write_demo
from tests.fakes.world import World
from tests.formats.kept import one

NAME = "scipion-relion-2d-fjpxvhcje7"


# a rendered folder


def test_a_rendered_folder_is_still_a_blueprint(kept: Path) -> None:
    plan = parse_blueprint(kept / "rendered/blueprint.yaml")
    assert {node["id"] for node in plan["nodes"]} == {
        "volume", "machine", "software", "working_copy", "scipion_project", "desktop", "seal",
    }  # fmt: skip


def test_each_operation_that_a_rendered_folder_names_is_there(kept: Path) -> None:
    """A project that was installed by an earlier version is ended, and repaired, by this one."""
    (path,) = (kept / "rendered").glob("*.plugin.yaml")
    named = [value for value in leaves(yaml.safe_load(path.read_text())) if value.startswith("scipion.")]
    assert len(named) > 20
    for name in named:
        module, _, function = name.removeprefix("scipion.").rpartition(".")
        assert callable(getattr(import_module(module), function)), name


def leaves(document: object) -> list[str]:
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        return [text for value in document for text in leaves(value)]
    return [document] if isinstance(document, str) else []


def rendered_today(kept: Path) -> dict[str, bytes]:
    folder = write_demo(kept / "today").parent
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_rendering_of_today_takes_its_place(kept: Path) -> None:
    files = rendered_today(kept)
    assert write_folder(files, kept / "rendered", parse=lambda _: None)
    assert {str(path.relative_to(kept / "rendered")) for path in (kept / "rendered").rglob("*") if path.is_file()} == {
        *files
    }


def test_a_rendering_of_later_is_not_written_over(kept: Path) -> None:
    (path,) = (kept / "rendered").glob("*/rendering.json")
    path.write_text(json.dumps({"format": 2, "entries": [{"name": "blueprint.yaml"}]}))
    before = (kept / "rendered/blueprint.yaml").read_bytes()
    with pytest.raises(PermanentError, match=r"is not an unchanged earlier rendering: .*blueprint.yaml"):
        write_folder(rendered_today(kept), kept / "rendered", parse=lambda _: None)
    assert (kept / "rendered/blueprint.yaml").read_bytes() == before


# what a deployment has made


def test_what_a_deployment_has_made(kept: Path) -> None:
    remembered = json.loads(one(kept, "what a deployment has made").read_text())
    for node in ("machine", "volume"):
        made = made_from(remembered[node][MADE])
        assert made == Made("relion-2d", "0123abcd", "host1", "/var/lib/cloudify-scipion", NAME, NAME)


@pytest.mark.parametrize("facts", ["2", {"format": 2, "resources": []}, None])
def test_what_a_later_version_remembers_is_said_to_be_unknown(facts: object) -> None:
    assert made_from(facts) == Made(*["(unknown)"] * 6)


# what a machine remembers of Puppet's runs


class Here:
    """The port Shell, on this host."""

    def run(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60.0, expect: Sequence[int] = (0,)
    ) -> CommandResult:
        done = subprocess.run(argv, input=stdin or b"", capture_output=True, timeout=timeout, check=False)
        assert done.returncode in expect
        return CommandResult(done.returncode, done.stdout.decode(), done.stderr.decode())

    def stream(self, argv: Sequence[str], on_line: Callable[[str], None], timeout: float) -> CommandResult:
        raise AssertionError("nothing is streamed")

    def wait_until_ready(self, deadline: float) -> None:
        """It is."""


@pytest.fixture
def applied(kept: Path, monkeypatch: pytest.MonkeyPatch) -> Applied:
    monkeypatch.setattr(puppet_applied, "FOLDER", str(kept / "machine/var/lib/cloudify-scipion/applied"))
    return Applied(Here(), "software", ["system", "scipion"], "d" * 64)


def test_a_run_that_was_remembered_is_known_as_long_as_all_looks_so(kept: Path, applied: Applied) -> None:
    """What it managed looks otherwise on this host, so that it is made again; then it is known, under the same name."""
    (folder,) = (kept / "machine/var/lib/cloudify-scipion/applied").iterdir()
    digest, _ = (folder / "state").read_text().split()
    (folder / "state").write_text(f"{'0' * len(digest)}  -\n")
    assert not applied.is_known()
    applied.keep(["File[/etc/hosts]"])
    assert applied.is_known()
    assert [*folder.parent.iterdir()] == [folder]


@pytest.mark.parametrize("name", ["digest", "state"])
def test_a_run_that_a_later_version_remembers_is_made_again(kept: Path, applied: Applied, name: str) -> None:
    applied.keep(["File[/etc/hosts]"])
    (path,) = (kept / "machine/var/lib/cloudify-scipion/applied").glob(f"*/{name}")
    path.write_text("format 2\n" + path.read_text())
    assert not applied.is_known()


# what a Scipion project remembers of its workflow


def test_a_workflow_that_was_made_is_known_again(kept: Path) -> None:
    folder = kept / "scipion"
    made = wr.read_made(folder)
    assert made == wr.Made("e" * 64, {"2": "ProtImportParticles", "51": "ProtRelionClassify2D"}, "relion-2d")
    assert wr.was_made_from(folder, "e" * 64) and wr.begun(folder) == {"2"}


def test_of_a_later_memory_nothing_is_known(kept: Path) -> None:
    """The steps are found again among the project's boxes, by class and label: the project counts as made elsewhere."""
    folder = kept / "scipion"
    (folder / ".workflow.json").write_text('{"format": 2, "boxes": []}')
    assert wr.read_made(folder) == wr.Made()
    assert not wr.was_made_from(folder, "e" * 64)


# what an agent of another version says of itself


@pytest.mark.parametrize("more", [{}, {"format": 2, "colour": "green"}], ids=["earlier", "later"])
def test_what_the_agent_of_a_machine_that_was_not_upgraded_yet_says(kept: Path, more: dict[str, Any]) -> None:
    told = {**json.loads((kept / "volume/agent/status.json").read_text()), **more}
    status = agent_status(Says(json.dumps(told)))
    assert status.pulled and status.unsaved == 0 and status.saved == "2026-11-29T21:10:27+00:00"
    assert status.last["push"].facts["deleted"] == 1 and status.last["pull"].ok


class Says(Here):
    """Every command prints this text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def run(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60.0, expect: Sequence[int] = (0,)
    ) -> CommandResult:
        return CommandResult(0, self._text, "")


# seals


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "state")


def record_of(kept: Path) -> Record:
    found = ProjectFolders(kept / "state").load("relion-2d")
    assert found is not None
    return found


def seal_of(kept: Path) -> dict[str, Any]:
    seal: dict[str, Any] = json.loads(one(kept, "seal").read_text())
    return seal


def test_a_seal_counts_together_with_record_and_tags(kept: Path, world: World) -> None:
    record, seal = record_of(kept), seal_of(kept)
    tags = json.loads(one(kept, "tags of a volume").read_text())
    assert record.seal == seal and tags["seal"] == seal["manifest"]
    assert valid_seal(record, VolumeFacts(True, 1, None, tags))
    services = world.services()
    services.projects.save(replace(record, seal={}))
    services.of(record).volumes.create(NAME, 1, {})
    assert keep_seal(services, replace(record, seal={}), seal).seal == seal


def test_a_seal_of_a_later_version_is_no_proof(kept: Path, world: World) -> None:
    record, later = record_of(kept), {**seal_of(kept), "version": 2}
    tags = json.loads(one(kept, "tags of a volume").read_text())
    assert not valid_seal(replace(record, seal=later), VolumeFacts(True, 1, None, tags))
    services = world.services()
    services.of(record).volumes.create(NAME, 1, {})
    with pytest.raises(PermanentError, match=r"of a later version, and so is its seal \(version 2; this one knows 1\)"):
        keep_seal(services, replace(record, seal={}), later)
    assert services.projects.load("relion-2d") is None and services.of(record).volumes.look(NAME).tags == {}
