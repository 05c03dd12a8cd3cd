"""The VNC server is there when its socket is: whoever starts after it finds it."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from tests.unit.desktop.conftest import FILES
from tests.unit.desktop.served import LONG


def awaiting(path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sh", str(FILES / "bin/await-socket"), str(path)])


def test_a_socket_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    path.with_name("other").touch()
    with awaiting(path) as waits, socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert waits.wait(LONG) == 0


def test_a_server_that_never_comes_is_an_error(tmp_path: Path) -> None:
    path, fast = tmp_path / "socket", tmp_path / "sleep"
    path.touch()  # of that name, and no socket
    fast.write_text("#!/bin/sh\n")
    fast.chmod(0o755)
    argv = ["sh", str(FILES / "bin/await-socket"), str(path)]
    assert subprocess.run(argv, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False).returncode == 1
