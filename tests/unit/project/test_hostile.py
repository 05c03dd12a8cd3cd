"""Files that try to break the program: pipes, bombs, numbers without end, and secrets in the wrong place."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cloudify_scipion.cli.main import main
from cloudify_scipion.errors import MAX_TEXT, Problem
from cloudify_scipion.project.documents import parse_json, parse_yaml
from cloudify_scipion.project.workflow import MAX_PROTOCOLS, workflow_problems

from .samples import full_project, site, small_project, small_workflow


def check(folder: Path, project: Any, where: Any = None, *options: str) -> Result:
    """What `check` says to documents, or to texts in their place."""
    for name, value in (("p.json", project), ("s.yaml", site() if where is None else where)):
        (folder / name).write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    said = CliRunner().invoke(main, ["check", f"{folder}/p.json", "--site", f"{folder}/s.yaml", *options])
    assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
    return said


@pytest.mark.parametrize("which", ["project", "site", "lock", "import", "workflow"])
def test_a_pipe_makes_nobody_wait(which: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    good = [tmp_path / "p.json", tmp_path / "s.yaml"]
    good[0].write_text(json.dumps({**small_project(), "workflow": {"file": "pipe"}} if which == "workflow" else {}))
    good[1].write_text(json.dumps(site()))
    project, where = pipe if which == "project" else good[0], pipe if which == "site" else good[1]
    words = ["check", project, "--site", where]
    if which == "lock":
        words = ["render", project, "--site", where, "--lock", pipe, "-o", tmp_path / "out"]
    if which == "import":
        words = ["import", pipe, "-o", tmp_path / "new.json"]
    said = CliRunner().invoke(main, [str(word) for word in words])
    assert said.exit_code == 2
    assert "this is a pipe or a device; put what comes out of it into a file" in said.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !!bool maybe\n", "'maybe' is not what its tag says, bool; quote it (line 1, column 4)"),
        ('a: !!int ""\n', "'' is not what its tag says, int"),
        ("a: !!timestamp x\n", "'x' is not what its tag says, timestamp"),
        ("a: 2020-13-45\n", "'2020-13-45' is not what its tag says, timestamp; quote it"),
        ("a: 0x_\n", "'0x_' is not what its tag says, int"),
        ("a: 1:59" + ":59" * 50_000 + "\n", "a number of 150,004 characters"),
        ("a: " + "9" * 5000 + "\n", "a number of 5,000 characters; at most 100 can be right"),
        ("a: 2020-01-02\n", "YAML reads this as a date, which JSON does not have; quote it"),
        ("a: !!set {x, y}\n", "YAML reads this as a set"),
        ("? {a: 1}\n: 1\n", "a key that is not text"),
    ],
)
def test_what_yaml_makes_of_odd_values(text: str, message: str) -> None:
    problems = parse_yaml(text.encode(), "s.yaml").problems
    assert len(problems) == 1
    assert message in problems[0].message


def test_merges_of_merges_end_quickly() -> None:
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    document = parse_yaml("\n".join(lines).encode(), "s.yaml")
    assert document.problems == ()
    assert document.value["a11"] == {"k": 1}


def test_a_mapping_may_change_what_it_takes_over() -> None:
    document = parse_yaml(b"a: &a {x: 1, y: 2}\nb: &b {x: 5}\nc: {<<: [*b, *a], y: 3, z: 4}\n", "s.yaml")
    assert document.problems == ()
    assert document.value["c"] == {"x": 5, "y": 3, "z": 4}
    twice = parse_yaml(b"a: &a {x: 1}\nb: {<<: *a, x: 2, x: 3}\n", "s.yaml")
    assert [problem.path for problem in twice.problems] == ["$.b.x"]


def test_keys_that_aliases_make_end_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    problems = parse_yaml("\n".join([*lines, "? *a8\n: 1"]).encode(), "s.yaml").problems
    assert "a key that is not text" in problems[0].message


def test_numbers_without_end() -> None:
    assert "a number of 400 digits; at most 100" in parse_json(b"[" + b"9" * 400 + b"]", "p").problems[0].message
    assert parse_json(b"[" + b"9" * 100 + b"]", "p").problems == ()


def test_thousands_of_unknown_keys(tmp_path: Path) -> None:
    said = check(tmp_path, {**small_project(), **{f"ke{number}": 1 for number in range(50_000)}})
    assert "$.ke99: this key is not known" in said.output
    assert "$: 49,900 more keys of this are not known" in said.output
    assert said.output.endswith("101 problems\n")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"software": {"scipion": "3.8.3", "plugins": {f"scipion-em-{n}": "1" for n in range(30_000)}}}, 201),
        ({"software": {"scipion": "3.8.3", "accepted_licences": [f"lic{n}" for n in range(60_000)]}}, 202),
        (
            {"workflow": {"protocols": [{"object.className": f"P{n}", "object.id": f"{n + 1}"} for n in range(9_000)]}},
            202,
        ),
        ({"workflow": {"protocols": [1] * 190_000}}, 1002),
        ({"data": {"datasets": [{"source": f"a:{n}", "mount": f"/x/{n}"} for n in range(15_000)]}}, 201),
        ({"time_limit": {"days": 3, "time_zone": "Europe/" + "Madrid" * 100_000}}, 1),
    ],
)
def test_thousands_of_faults_are_cut_short(changes: dict[str, Any], told: int, tmp_path: Path) -> None:
    said = check(tmp_path, {**small_project(), **changes})
    assert said.output.endswith(f"\n{told} problem{'s' if told > 1 else ''}\n")
    assert len(said.output) < 500_000


def test_a_long_chain_and_too_many_protocols() -> None:
    numbers = range(1, MAX_PROTOCOLS + 1)
    chain = [
        {"object.className": "A", "object.id": str(number), "inputX": f"{number + 1}.outputX"} for number in numbers
    ]
    chain[-1].pop("inputX")
    assert workflow_problems(chain, "w.json") == []
    chain[-1]["inputX"] = "1.outputX"
    assert [problem.path for problem in workflow_problems(chain, "w.json")] == ["$[0]"]
    (problem,) = workflow_problems([*chain, chain[0]], "w.json")
    assert problem.message == "it has 2,001 protocols; a workflow has at most 2,000"


@pytest.mark.parametrize("name", ["\ud800", "loop.json", "a\0b"])
def test_names_that_lead_nowhere(name: str, tmp_path: Path) -> None:
    (tmp_path / "loop.json").symlink_to("loop.json")
    said = check(tmp_path, {**small_project(), "workflow": {"file": name}})
    assert said.exit_code == 2
    assert "$.workflow.file: " in said.output


@pytest.mark.parametrize(
    ("project", "where", "path"),
    [
        ({"time_limit": {"days": 61.0}}, {"limits": {"days": 60}}, "$.time_limit.days"),
        ({"time_limit": {"days": 61}}, {"limits": {"days": 60.0}}, "$.time_limit.days"),
        ({"volume": {"size_gb": 9.0}}, {"limits": {"volume_gb": 8}}, "$.volume.size_gb"),
        ({"time_limit": {"days": 1.0, "warning_days": 2.0}}, {}, "$.time_limit.warning_days"),
        ({"acquisition": {"box_size": 9.0, "detector": {"width": 8.0, "height": 8.0}}}, {}, "$.acquisition.box_size"),
        ({}, {"ports": {"first": 2000.0, "last": 2000.0}}, "$.ports.last"),
        ({}, {"flavours": [{"name": "f", "cpus": 1, "ram_gb": 1, "gpus": 1.0}]}, "$.flavours[0].gpu"),
    ],
)
def test_a_whole_number_with_a_point_is_one(
    project: dict[str, Any], where: dict[str, Any], path: str, tmp_path: Path
) -> None:
    said = check(tmp_path, {**small_project(), **project}, {**site(), **where})
    assert f"  {path}: " in said.output
    assert said.output.endswith("1 problem\n")


@pytest.mark.parametrize(
    ("project", "where"),
    [
        ({}, {"mirrors": {"em": "https://user:PASSW0RD@host/x"}}),
        ({}, {"mirrors": "PASSW0RD"}),
        ({}, {"mirrors": {"em": {"url": "https://PASSW0RD"}}}),
        ({}, {"mirrors": {"em": "PASSW0RD"}}),
        ({}, {"name": "https://user:PASSW0RD@host/x"}),
        ({}, {"desktop": {"tls": "given", "tls_certificate": "c", "tls_key": "-----BEGIN PRIVATE KEY-----PASSW0RD"}}),
        ({}, {"desktop": {"tls": "given", "tls_certificate": "c", "tls_key": "a PASSW0RD"}}),
        ({"secrets": "PASSW0RD"}, {}),
        ({"secrets": {"onedata_token": "a PASSW0RD"}}, {}),
        ({"secrets": {"onedata_token": ["PASSW0RD"]}}, {}),
        ({"data": {"project": {"source": "https://user:PASSW0RD@host/x"}}}, {}),
    ],
)
def test_no_secret_is_shown(project: dict[str, Any], where: dict[str, Any], tmp_path: Path) -> None:
    said = check(tmp_path, {**small_project(), **project}, {**site(), **where})
    assert said.exit_code == 2
    assert "PASSW0RD" not in said.output


def test_one_fault_is_told_once(tmp_path: Path) -> None:
    project = {**full_project(), "owner": {"email": "x" * 300}, "volume": {"size_gb": float("nan")}}
    said = json.loads(check(tmp_path, project, None, "--json").output)
    places = Counter((problem["source"], problem["path"]) for problem in said["problems"])
    assert set(places.values()) == {1}
    assert {path for _, path in places} == {"$.owner.email", "$.volume.size_gb"}


def test_an_unknown_protocol_is_told_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text(json.dumps(small_workflow()))
    said = json.loads(check(tmp_path, {**small_project(), "workflow": {"file": "w.json"}}, None, "--json").output)
    assert [(problem["source"], problem["path"]) for problem in said["problems"]] == [
        (f"{tmp_path}/w.json", "$[1]['object.className']")
    ]


def test_control_characters_are_refused_in_a_title_but_for_a_line_break_of_unicode(tmp_path: Path) -> None:
    for title in ("a\x84b", "a\x86b", "a\x9b31mb", "a\x9fb", "a\x7fb", "a\x1bb"):
        assert "$.title: " in check(tmp_path, {**small_project(), "title": title}).output
    for title in ("a\x85b", "a\xa0b", "a~b"):
        assert "$.title: " not in check(tmp_path, {**small_project(), "title": title}).output


def test_a_message_has_an_end() -> None:
    long = Problem("p.json", "$." + "x" * 100_000, "y" * 100_000)
    assert len(long.path) < MAX_TEXT + 10
    assert len(long.message) < MAX_TEXT + 10
    assert Problem("p.json", "$.x", "y" * MAX_TEXT).message == "y" * MAX_TEXT
