"""What ships with the package: the agent as one file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.resources import agent_archive

MAIN = """
import sys

from cloudify_scipion.agent.words import SAID

def main():
    print(SAID, *sys.argv[1:])
    return 6
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with an agent, and with parts that are none of its."""
    texts = {
        "__init__.py": "", "errors.py": "", "agent/__init__.py": "", "agent/cli.py": MAIN,
        "agent/words.py": "SAID = 'saved'", "agent/__pycache__/cli.pyc": "x", "agent/deep/__init__.py": "",
    }  # fmt: skip
    for name, text in texts.items():
        path = tmp_path / "cloudify_scipion" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "cloudify_scipion"


def test_the_agent_runs_from_one_file_without_anything_else(package: Path, tmp_path: Path) -> None:
    (tmp_path / "agent.pyz").write_bytes(agent_archive(package))
    command = [sys.executable, "-I", "-B", "-S", str(tmp_path / "agent.pyz"), "push"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stdout) == (6, "saved push\n")


def test_the_same_code_gives_the_same_bytes(package: Path) -> None:
    before = agent_archive(package)
    os.utime(package / "agent/cli.py", (1, 1))
    (package / "errors.py").write_text("raise SystemExit")
    assert agent_archive(package) == before
    (package / "agent/words.py").write_text("SAID = 'pushed'")
    assert agent_archive(package) != before


def test_without_an_agent(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="the agent is missing"):
        agent_archive(tmp_path)
