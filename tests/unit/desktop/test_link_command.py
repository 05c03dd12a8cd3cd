"""`cloudify-desktop-link` as it is typed: how long a link is good is said by whoever asks for it, each time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.unit.desktop.conftest import FILES


def link_command(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-B", "-m", "cloudify_desktop.link", *words]
    environment = {**os.environ, "PYTHONPATH": str(FILES / "gateway")}
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "one of the arguments --valid --revoke --who --fingerprint is required"),
        (["--view-only"], "one of the arguments --valid --revoke --who --fingerprint is required"),
        (["--valid", "0"], "'0' is no number of seconds up to 3600"),
        (["--valid", "3601"], "'3601' is no number of seconds up to 3600"),
        (["--valid", "nan"], "'nan' is no number of seconds up to 3600"),
        (["--valid", "soon"], "'soon' is no number of seconds up to 3600"),
        (["--valid", "60", "--who"], "not allowed with argument --valid"),
    ],
)
def test_what_does_not_say_what_is_wanted_is_refused(words: list[str], why: str) -> None:
    said = link_command(*words)
    assert said.returncode == 2 and why in said.stderr and said.stdout == ""


def test_where_there_is_no_desktop_that_is_said() -> None:
    said = link_command("--valid", "60")
    assert said.returncode == 1 and "the desktop is not set up here" in said.stderr
