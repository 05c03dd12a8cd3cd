"""How `check` shows what it understood, and what may surprise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.cli.check_text import notes_of, queue_notes, understood
from cloudify_scipion.cli.console import problems_text
from cloudify_scipion.errors import Problem
from cloudify_scipion.project.load import Loaded, load_inputs
from cloudify_scipion.project.model import Project, project_from_document

INPUTS = Path(__file__).resolve().parents[3] / "inputs"
LITTLE = "the volume has 10 GB for 9.5 GB of data: little is left for results"
UNNEEDED = "accepted_licences names gctf, which the project does not ask for"


def project(**changes: Any) -> Project:
    software = {"scipion": "3.8.3", "em_packages": {"relion": "3.1.3"}}
    return project_from_document({"id": "p", "title": "P", "software": software, "volume": {"size_gb": 10}, **changes})


def notes(**changes: Any) -> list[str]:
    site = load_inputs(INPUTS / "projects/relion-2d.json", INPUTS / "sites/this-machine.yaml")
    return list(notes_of(Loaded(project(**changes), site.site, site.site_document), {"relion": "run"}))


def test_defaults_are_shown() -> None:
    assert list(understood(project())) == [
        "volume: 10 GB, held at the end",
        "data: none",
        "time limit: 14 days, a warning 3 before, 30 of grace after (UTC)",
    ]


def test_everything_is_shown() -> None:
    datasets = [{"source": "s:raw", "mount": "/data/raw", "size_gb": 12400}, {"source": "s:x", "mount": "/data/x"}]
    given = project(
        volume={"size_gb": 900, "at_end": "discard"},
        data={"project": {"source": "s:p", "size_gb": 8.5}, "datasets": datasets},
        time_limit={"days": 45, "warning_days": 7, "grace_days": 0, "time_zone": "Europe/Paris"},
    )
    assert list(understood(given)) == [
        "volume: 900 GB, deleted at the end",
        "data: s:p (8.5 GB), copied and saved; s:raw (12400 GB), read-only at /data/raw; s:x, read-only at /data/x",
        "time limit: 45 days, a warning 7 before, 0 of grace after (Europe/Paris)",
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"volume": {"size_gb": 10, "at_end": "discard"}}, ["nothing of this project is kept: uninstalling it deletes its volume"]),  # noqa: E501
        ({"data": {"project": {"source": "s:p", "size_gb": 9.5}}}, [LITTLE]),
        ({"data": {"project": {"source": "s:p", "size_gb": 9}}}, []),
        ({"software": {"scipion": "3.8.3", "accepted_licences": ["gctf"]}}, [UNNEEDED]),
        ({"software": {"scipion": "3.8.3", "em_packages": {"gctf": "1"}, "accepted_licences": ["gctf"]}}, []),
    ],
)  # fmt: skip
def test_notes(changes: dict[str, Any], expected: list[str]) -> None:
    assert notes(**changes) == expected


def test_steps_that_ask_for_a_queue_are_named() -> None:
    steps = [{"object.id": "2", "_useQueue": False}, {"object.id": "60", "_useQueue": True}, {"object.id": "7"}]
    assert [*queue_notes(steps)] == ["steps 60 ask for a queue; machines have none, so they are run without"]
    assert [*queue_notes(steps[:1])] == []


@pytest.mark.parametrize(("asked", "told"), [(1000, True), (30, False)])
def test_a_site_where_nothing_fits(asked: int, told: bool) -> None:
    site = load_inputs(INPUTS / "projects/krios-example.json", INPUTS / "sites/ifca.yaml")
    given = Loaded(project(needs={"ram_gb": asked}), site.site, site.site_document)
    assert ("no flavour of ifca fits: cloudify-scipion choose says why" in notes_of(given, {})) is told


def test_what_nobody_installed() -> None:
    site = load_inputs(INPUTS / "projects/relion-2d.json", INPUTS / "sites/this-machine.yaml")
    (note,) = notes_of(Loaded(project(), site.site, site.site_document), {"a": "listed", "b": "run", "c": "listed"})
    assert note == "nobody has installed a, c this way yet; what is known comes from its makers"


def test_problems_stand_below_their_file_wherever_they_were_found() -> None:
    found = [Problem("p.json", "$.b", "1"), Problem("s.yaml", "$.a", "2"), Problem("p.json", "$.a", "3")]
    assert problems_text(found) == "p.json\n  $.b: 1\n  $.a: 3\ns.yaml\n  $.a: 2\n3 problems"
