"""Commands on the state root, without any project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cloudify_scipion.cli.main import main


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLOUDIFY_SCIPION_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_a_digest_and_all_is_one_too_many(root: Path) -> None:
    (root / "cache" / "base" / "d").mkdir(parents=True)
    said = run("cache", "prune", "d", "--all")
    assert (said.exit_code, "give DIGEST or --all, not both" in said.output) == (2, True)
    assert (root / "cache" / "base" / "d").is_dir()


def test_an_unknown_digest_is_an_error() -> None:
    said = run("cache", "prune", "5924f1a6")
    assert (said.exit_code, "no layer's digest begins with 5924f1a6" in said.output) == (1, True)
    assert run("cache", "prune").output == "nothing to remove\n"


def test_an_empty_cache_says_so() -> None:
    assert run("cache", "list").output == "no software layer is kept\n"


@pytest.mark.parametrize(
    "words",
    [
        ["status", "p"], ["open", "p"], ["repair", "p"], ["discard", "p"], ["lock", "p"],
        ["held"], ["cache", "list"], ["cache", "prune"],
    ],
)  # fmt: skip
def test_only_root_sees_the_state(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    said = run(*words)
    assert said.exit_code == 1
    assert "root" in said.output
    assert isinstance(said.exception, SystemExit)
