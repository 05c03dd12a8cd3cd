"""Commands over SSH, with a program in place of ssh that tells how it was called."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudify_scipion.adapters.ssh import SshShell
from cloudify_scipion.errors import CommandFailed, MachineUnreachable

SSH = """#!/bin/sh
for last; do :; done
pwd
for word; do echo "$word"; done
[ "$last" = fail ] && exit 3
[ "$last" = lost ] && exit 255
exit 0
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder of keys, with a path that no socket could have, as a relative one."""
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(SSH)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    folder = Path("project" * 20, "ssh")
    folder.mkdir(parents=True)
    (folder / "known_hosts").write_text("[127.0.0.1]:20000 ssh-ed25519 AAAA\n")
    return folder


def shell(folder: Path) -> SshShell:
    return SshShell("machine", "127.0.0.1", 20000, folder / "key", folder / "known_hosts")


def control_path(folder: Path) -> str:
    words = shell(folder).run(["true"]).stdout.splitlines()
    return next(word.split("=", 1)[1] for word in words if word.startswith("-oControlPath="))


def test_hosts_are_verified_with_the_files_given(folder: Path) -> None:
    words = shell(folder).run(["echo", "a b"]).stdout.splitlines()
    assert words[0] == str(folder.absolute())
    assert "StrictHostKeyChecking=yes" in words
    assert f"UserKnownHostsFile={folder.absolute()}/known_hosts" in words
    assert f"{folder.absolute()}/key" in words
    assert words[-2:] == ["root@127.0.0.1", "echo 'a b'"]


def test_the_shared_connection_is_in_the_folder_and_has_a_short_name(folder: Path) -> None:
    assert "/" not in control_path(folder)
    # ssh adds 17 characters while it makes the socket
    assert len(control_path(folder)) < 60


def test_another_host_key_never_shares_a_connection(folder: Path) -> None:
    before = control_path(folder)
    assert control_path(folder) == before
    (folder / "known_hosts").write_text("[127.0.0.1]:20000 ssh-ed25519 BBBB\n")
    assert control_path(folder) != before


def test_exit_codes(folder: Path) -> None:
    assert shell(folder).run(["fail"], expect=(0, 3)).code == 3
    with pytest.raises(CommandFailed):
        shell(folder).run(["fail"])
    with pytest.raises(MachineUnreachable):
        shell(folder).run(["lost"])


def test_a_stream_gives_every_line(folder: Path) -> None:
    lines: list[str] = []
    assert shell(folder).stream(["true"], lines.append, 5).code == 0
    assert lines[0] == str(folder.absolute())
    assert lines[-1] == "timeout 5 true"
