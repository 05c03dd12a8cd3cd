"""Bad inputs and their exact messages; and whatever else may come, no traceback and no side effect."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudify_scipion.cli.main import main

from .bad_inputs import cases, problems
from .samples import full_project, site

CASES = cases()
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["on", "022", "~", "../x"]),
    st.lists(st.text(max_size=3), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_exactly_this_is_said(case: Mapping[str, Any], tmp_path: Path) -> None:
    assert problems(case, tmp_path) == case["problems"]
    assert case["problems"]


def test_the_table_is_large_enough() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES) >= 60
    assert any(len(case["problems"]) >= 12 for case in CASES)


def test_fifty_megabytes(tmp_path: Path) -> None:
    with (tmp_path / "project.json").open("w", encoding="utf-8") as file:
        file.write('{"title": "' + "x" * 50_000_000 + '"}')
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(site()))
    said = CliRunner().invoke(main, ["check", str(tmp_path / "project.json"), "--site", str(tmp_path / "site.yaml")])
    assert said.exit_code == 2
    assert "$: the file is larger than 1,000,000 bytes" in said.output


@given(data=st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_mutation_is_answered(data: st.DataObject) -> None:
    project, where = full_project(), site()
    for document in data.draw(st.lists(st.sampled_from([project, where]), min_size=1, max_size=4)):
        _mutate(document, data)
    with TemporaryDirectory() as folder:
        files = {
            Path(folder, "p.json"): json.dumps(project, ensure_ascii=data.draw(st.booleans())).encode(errors="replace"),
            Path(folder, "s.yaml"): yaml.safe_dump(where).encode(errors="replace"),
        }
        for path, content in files.items():
            path.write_bytes(content)
        said = CliRunner().invoke(main, ["check", f"{folder}/p.json", "--site", f"{folder}/s.yaml"])
        assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
        assert said.exit_code in (0, 2)
        assert "Traceback" not in said.output
        assert {path: path.read_bytes() for path in Path(folder).iterdir()} == files


def _mutate(document: Any, data: st.DataObject) -> None:
    """Change, remove or add one value somewhere in a document."""
    inner = document
    while inner and data.draw(st.booleans()):
        keys = [
            k for k, v in (inner.items() if isinstance(inner, dict) else enumerate(inner)) if isinstance(v, dict | list)
        ]
        if not keys:
            break
        inner = inner[data.draw(st.sampled_from(keys))]
    if isinstance(inner, list):
        inner.append(copy.deepcopy(data.draw(VALUES)))
    elif not inner or data.draw(st.booleans()):
        inner[data.draw(st.text(max_size=5))] = data.draw(VALUES)
    else:
        key = data.draw(st.sampled_from(sorted(inner)))
        inner.pop(key)
        if data.draw(st.booleans()):
            inner[key] = data.draw(VALUES)
