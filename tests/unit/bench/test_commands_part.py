"""The benchmark's part that needs no machine, with one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installation import REPOSITORY
from tools.benchmarks.report import from_json


@pytest.mark.long
def test_the_part_commands(tmp_path: Path) -> None:
    words = ["--only", "commands", "--runs", "1", "--work", str(tmp_path / "kept"), "--at", str(tmp_path)]
    argv = [sys.executable, "-m", "tools.bench", *words]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(argv, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Commands (commands), 1 runs" in done.stderr
    figures = from_json(json.loads((tmp_path / "kept/figures.json").read_text()))["commands"].figures
    assert len(figures) == 2
    assert all(figure.figure > 0 for figure in figures)
