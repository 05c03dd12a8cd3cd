from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudify_scipion.adapters import commands
from cloudify_scipion.adapters.local import hosttools, port_is_free
from cloudify_scipion.adapters.local.cgroups import log_tail, trim_log
from cloudify_scipion.adapters.local.container import Bind, nspawn_argv
from cloudify_scipion.adapters.local.folders import MachineFolder, MachineRecord, checked_name
from cloudify_scipion.adapters.local.locks import locked
from cloudify_scipion.adapters.local.network import helper_argv
from cloudify_scipion.errors import CommandFailed, MissingTool, PermanentError, TemporaryError
from cloudify_scipion.lifecycle.facts import MachineSpec


def test_run_captures_and_checks() -> None:
    assert commands.run(["sh", "-c", "cat; echo no >&2"], stdin=b"yes").stdout == "yes"
    assert commands.run(["sh", "-c", "exit 3"], expect=(0, 3)).code == 3
    with pytest.raises(CommandFailed, match="told") as failed:
        commands.run(["sh", "-c", "echo told >&2; exit 4"])
    assert failed.value.code == 4
    with pytest.raises(TemporaryError, match="did not end within"):
        commands.run(["sleep", "5"], timeout=0.1)


def test_run_leaks_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "secret")
    assert "secret" not in commands.run(["env"]).stdout


def test_missing_tools_are_all_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "SYSTEM_PATH", "/nowhere")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(MissingTool) as missing:
        hosttools.require(("mmdebstrap", "systemd-nspawn", "mkfs.ext4", "e2fsck"))
    assert "mmdebstrap, systemd-nspawn, mkfs.ext4, e2fsck" in missing.value.what
    assert missing.value.next_step.endswith("install --no-install-recommends e2fsprogs mmdebstrap systemd-container")


def test_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(commands.PACKAGE_OF, "not-there", "a-package")
    with pytest.raises(MissingTool, match="a-package"):
        commands.run(["not-there"])


def test_not_root_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("sys.argv", ["/usr/bin/cfy", "install", "a b"])
    with pytest.raises(PermanentError, match="sudo cfy install 'a b'"):
        hosttools.require_root()


def test_lock_outlives_its_holder_as_long_as_a_program_of_it_runs(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = (
        "import sys; from pathlib import Path; from cloudify_scipion.adapters.commands import run;"
        "from cloudify_scipion.adapters.local.locks import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('held', flush=True); run(['sleep', '1'])"
    )
    argv = [sys.executable, "-c", code, str(lock)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        time.sleep(0.3)
        began = time.monotonic()
        holder.kill()
        with locked(lock):
            assert time.monotonic() - began > 0.3


def test_port_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not port_is_free(port)
    assert port_is_free(port)


def test_container_command_keeps_to_itself() -> None:
    argv = nspawn_argv(Path("/s/root"), "m-1", "host", [Bind(Path("/a:b"), "/c"), Bind(Path("/d"), "/e", True)])
    asked = ("--bind=/a\\:b:/c", "--bind-ro=/d:/e")
    for option in ("--private-network", "--register=no", "--keep-unit", "--settings=no", *asked):
        assert option in argv
    assert "--disable-host-loopback" in helper_argv(7)


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", ".hidden", "a b", "x" * 101])
def test_names_that_are_no_file_names(name: str) -> None:
    with pytest.raises(PermanentError, match="cannot name"):
        checked_name(name)


def test_identities_differ_between_state_roots_and_are_short(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    long = "a" * 100
    first, second = (MachineFolder(tmp_path / name, long).identity for name in ("one", "two"))
    assert first != second
    assert len(first) <= 50
    assert MachineFolder(tmp_path / "one", long).identity == first
    assert MachineFolder(tmp_path / "one", long + "b"[:0]).identity == first


def test_record_comes_last_and_goes_first(tmp_path: Path) -> None:
    machine = MachineFolder(tmp_path, "m")
    assert machine.whole() is None
    machine.make(MachineSpec("m", "host", {"a": "b"}, {}), "base")
    assert machine.whole() == MachineRecord("host", {"a": "b"}, None, None, "base")
    machine.upper.rmdir()
    assert machine.whole() is None
    machine.write(MachineRecord("host", {}, "layer", None, "base"))
    assert machine.whole() is not None
    (machine.path / "machine.json").write_text("{")
    assert machine.whole() is None
    assert machine.remove()
    assert not machine.remove()


def test_logs_stay_small(tmp_path: Path) -> None:
    log = tmp_path / "log"
    trim_log(log)
    assert log_tail(log) == ""
    log.write_text("a" * 1000 + "end")
    trim_log(log, limit=100)
    assert log.stat().st_size == 50
    assert log_tail(log, limit=3) == "end"
