"""A run that ended well is known until anything that decides it or that it managed has changed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cloudify_scipion.adapters import puppet_applied
from cloudify_scipion.adapters.puppet_applied import Applied, run_digest
from cloudify_scipion.lifecycle.facts import CommandResult
from tests.unit.adapters.recording import RecordingShell

SERVICES = """#!/bin/sh
cd "$(dirname "$0")"
if [ "$1" = -q ]; then shift 2; grep -qx active "$1"; exit; fi
shift; for name; do cat "$name"; done
"""


class LocalShell(RecordingShell):
    """The port Shell, on this host; `bin` comes first in PATH."""

    def __init__(self, programs: Path) -> None:
        super().__init__()
        self.path = f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"

    def run(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60.0, expect: Sequence[int] = (0,)
    ) -> CommandResult:
        done = subprocess.run(argv, input=stdin or b"", env={"PATH": self.path}, capture_output=True, check=False)
        assert done.returncode in expect, done.stderr
        return CommandResult(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files and a service that a run manages; what stands for /proc/1/stat is `boot`."""
    (tmp_path / "folder").mkdir()
    for name, text in {"a file": "x", "b\nfile": "y", "boot": "1 (init) " + "5 " * 20, "unit": "active\n"}.items():
        (tmp_path / name).write_text(text)
    program = tmp_path / "systemctl"
    program.write_text(SERVICES)
    program.chmod(0o755)
    monkeypatch.setattr(puppet_applied, "FOLDER", str(tmp_path / "applied"))
    for script in ("_ASK", "_KEEP"):
        text = getattr(puppet_applied, script)
        assert "/proc/1/stat" in text
        monkeypatch.setattr(puppet_applied, script, text.replace("/proc/1/stat", str(tmp_path / "boot")))
    return tmp_path


def applied(machine: Path, run: str = "software", digest: str = "d", classes: Sequence[str] = ("a", "b")) -> Applied:
    return Applied(LocalShell(machine), run, classes, digest)


def keep(machine: Path, run: str = "software") -> Applied:
    names = ("a file", "b\nfile", "folder", "absent")
    made = applied(machine, run)
    made.keep([*(f"File[{machine / name}]" for name in names), "Service[unit]", "Exec[/bin/true]", "File[titled]"])
    return made


@pytest.mark.parametrize("run", ["software", "project"])
def test_known_once_kept_and_no_more_once_forgotten(machine: Path, run: str) -> None:
    assert not applied(machine, run).is_known()
    keep(machine, run)
    assert applied(machine, run).is_known()
    assert not applied(machine, run, digest="e").is_known()
    assert not applied(machine, run, classes=("a",)).is_known()
    applied(machine, run).forget()
    assert not applied(machine, run).is_known()


@pytest.mark.parametrize(
    "change",
    [
        lambda path: (path / "a file").write_text("longer"),
        lambda path: (path / "b\nfile").unlink(),
        lambda path: (path / "a file").chmod(0o600),
        lambda path: (path / "absent").write_text(""),
        lambda path: (path / "folder").chmod(0o700),
        lambda path: (path / "unit").write_text("failed\n"),
        lambda path: (path / "b\nfile").rename(path / "a file"),
    ],
)
def test_what_it_managed_has_changed(machine: Path, change: Callable[[Path], object]) -> None:
    keep(machine)
    change(machine)
    assert not applied(machine).is_known()


def test_a_service_that_is_started_later_is_not_the_runs(machine: Path) -> None:
    (machine / "unit").write_text("inactive\n")
    keep(machine)
    (machine / "unit").write_text("active\n")
    assert applied(machine).is_known()


def test_what_lies_in_a_folder_is_not_the_runs(machine: Path) -> None:
    keep(machine)
    (machine / "folder/of a user").write_text("x")
    assert applied(machine).is_known()


def test_only_a_software_run_is_known_after_a_boot(machine: Path) -> None:
    keep(machine), keep(machine, "project")
    (machine / "boot").write_text("1 (init) " + "6 " * 20)
    assert applied(machine).is_known()
    assert not applied(machine, "project").is_known()


@pytest.mark.parametrize("name", ["digest", "state", "files"])
def test_what_was_half_written_is_not_known(machine: Path, name: str) -> None:
    keep(machine)
    (written,) = (machine / "applied").glob(f"*/{name}")
    written.write_bytes(b"")
    assert not applied(machine).is_known()


def test_everything_that_decides_a_run_is_in_its_digest() -> None:
    runs = [
        ("c", "software", ["a"], {"x": "1"}),
        ("d", "software", ["a"], {"x": "1"}),
        ("c", "locked", ["a"], {"x": "1"}),
        ("c", "software", ["a", "b"], {"x": "1"}),
        ("c", "software", ["a"], {"x": 1}),
        ("c", "software", ["a"], {}),
    ]
    assert len({run_digest(*run) for run in runs}) == len(runs)
    assert run_digest("c", "software", ["a"], {"x": 1, "y": 2}) == run_digest("c", "software", ["a"], {"y": 2, "x": 1})
