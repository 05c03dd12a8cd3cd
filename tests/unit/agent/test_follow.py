"""A work that somebody starts by hand: its unit is started, its progress and its end are told."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from cloudify_scipion.agent import cli
from cloudify_scipion.agent.commands import follow
from tests.unit.agent.rig import Rig

SYSTEMCTL = """#!{python}
import json, pathlib, sys, time
assert sys.argv[1:] == ["start", "--", "scipion-data@push.service"], sys.argv
run = pathlib.Path({run!r})
{does}
"""
ENDS = """
(run / "progress.json").write_text(json.dumps({{"pid": 1, "work": "push", "phase": "saving", "files_total": 7}}))
time.sleep(0.5)
(run / "progress.json").unlink()
(run / "status.json").write_text(json.dumps({summary!r}))
sys.exit({code})
"""


def systemctl(rig: Rig, folder: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """A systemctl that stands in for systemd and the unit."""
    path = folder / "bin/systemctl"
    path.parent.mkdir()
    path.write_text(SYSTEMCTL.format(python=sys.executable, run=str(rig.root / "run"), does=does))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(follow, "LOOK_SECONDS", 0.05)


def ended(code: int, message: str = "", run: str = "b") -> dict[str, object]:
    result = {
        "work": "push",
        "ok": code == 0,
        "code": code,
        "message": message,
        "next": "wait" * (code > 0),
        "run": run,
    }
    empty = {"pulled": True, "unsaved": 0, "saved": None, "questions": [], "alarms": [], "seal": None}
    return empty | {"last": {"push": result}}


def push(rig: Rig) -> int:
    path = rig.root / "config.json"
    path.write_text(json.dumps(rig.document()))
    return cli.main(["--config", str(path), "push"])


@pytest.mark.parametrize("code", [0, 6, 75])
def test_the_end_is_the_works_own(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    message = "3 files could not be saved" if code else ""
    does = ENDS.format(summary=ended(code, message), code=1 if code else 0)
    systemctl(rig, tmp_path, monkeypatch, does)
    (rig.root / "run/status.json").write_text(json.dumps(ended(0, run="a")))
    assert push(rig) == code
    told = capsys.readouterr()
    assert "push: saving, 0 of 7 files" in told.out
    assert told.err == (f"{message}\n  next: wait\n" if code else "")


@pytest.mark.parametrize("known", [True, False])
def test_a_unit_that_does_not_start(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], known: bool
) -> None:
    """An earlier result is not taken for this one's."""
    systemctl(rig, tmp_path, monkeypatch, 'sys.exit("Failed to start: Access denied\\nmore")')
    if known:
        (rig.root / "run/status.json").write_text(json.dumps(ended(0, run="a")))
    assert push(rig) == 1
    assert "push was not done: Failed to start: Access denied" in capsys.readouterr().err
