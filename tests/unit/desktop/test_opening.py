"""The program that opens the project: says that it was heard, until there is something to see or to say."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.desktop.conftest import FILES
from tests.unit.desktop.served import wait_until

HERE = "/usr/local/share/cloudify-desktop/bin"
NOTE = """#!/bin/sh
echo "$$ $*" >> {said}
exec sleep 60
"""
ICESH = """#!/bin/sh
[ ! -e {window} ] || echo '0x1 0 0 "p1 (scipion on p1)": (a.b) 10x10+0+0'
"""
SCIPION = """#!/bin/sh
[ ! -e {broken} ] || exit 1
[ ! -e {stopped} ] || kill $$
sleep 0.3
touch {window}
"""


def put(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def desktop(tmp_path: Path) -> Path:
    names = {name: str(tmp_path / name) for name in ("said", "window", "broken", "stopped")}
    (tmp_path / "bin").mkdir()
    (tmp_path / "ScipionUserData/projects/p1").mkdir(parents=True)
    put(tmp_path / "bin/note", NOTE.format(**names))
    put(tmp_path / "bin/icesh", ICESH.format(**names))
    put(tmp_path / "bin/scipion-itself", SCIPION.format(**names))
    put(tmp_path / "bin/pgrep", "#!/bin/sh\nexit 1\n")
    put(tmp_path / "bin/open", (FILES / "bin/scipion").read_text().replace(HERE, str(tmp_path / "bin")))
    return tmp_path


def start(desktop: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ, "HOME": str(desktop), "PATH": f"{desktop}/bin:{os.environ['PATH']}", "SCIPION_PROJECT": "p1",
        "SCIPION_COMMAND": str(desktop / "bin/scipion-itself"), "XDG_STATE_HOME": str(desktop / "state"),
    }  # fmt: skip
    return subprocess.Popen([str(desktop / "bin/open")], env=environment)


def said(desktop: Path) -> list[tuple[int, str]]:
    """What was said, and by which process."""
    path = desktop / "said"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(pid), text) for pid, _, text in (line.partition(" ") for line in lines)]


def is_there(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_it_is_said_until_the_window_is_there(desktop: Path) -> None:
    assert start(desktop).wait(20) == 0
    wait_until(lambda: len(said(desktop)) == 1)
    ((pid, text),) = said(desktop)
    assert "is being opened" in text
    wait_until(lambda: not is_there(pid))


def test_what_cannot_be_opened_is_not_said_to_be_on_its_way(desktop: Path) -> None:
    (desktop / "broken").touch()
    running = start(desktop)
    wait_until(lambda: any("error" in text for _, text in said(desktop)))
    ((failed, _),) = [one for one in said(desktop) if "error" in one[1]]
    wait_until(lambda: not any(is_there(pid) for pid, _ in said(desktop) if pid != failed))
    assert is_there(failed)
    (desktop / "broken").unlink()
    assert start(desktop).wait(20) == 0, "a message that is still open keeps nobody from trying again"
    os.kill(failed, 15)
    running.wait(20)


def test_what_a_new_desktop_has_ended_is_no_error(desktop: Path) -> None:
    (desktop / "stopped").touch()
    assert start(desktop).wait(20) > 128
    assert not [text for _, text in said(desktop) if "error" in text]
