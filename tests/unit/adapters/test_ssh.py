"""SSH: quoting, streams, errors and keys, with a stand-in for the ssh program that runs its command here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloudify_scipion.adapters import ssh_keys
from cloudify_scipion.adapters.ssh import SshShell
from cloudify_scipion.adapters.ssh_keys import ensure_keys, write_known_hosts
from cloudify_scipion.adapters.tarball import pack, unpack_on
from cloudify_scipion.errors import CommandFailed, MachineUnreachable, TemporaryError
from cloudify_scipion.lifecycle.facts import Endpoint

STAND_IN = """#!{python}
import os, subprocess, sys
folder = os.path.dirname(os.path.abspath(sys.argv[0]))
with open(folder + "/arguments", "a") as stream:
    print(*sys.argv[1:], sep="\\n", file=stream)
if os.path.exists(folder + "/unreachable"):
    print("ssh: connect to host 127.0.0.1 port 1: Connection refused", file=sys.stderr)
    sys.exit(255)
sys.exit(subprocess.run(["sh", "-c", sys.argv[-1]]).returncode)
"""


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ssh").write_text(STAND_IN.format(python=sys.executable))
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def shell(bin_folder: Path, tmp_path: Path) -> SshShell:
    endpoint = Endpoint("127.0.0.1", 20000)
    known_hosts = write_known_hosts(tmp_path / "keys", endpoint, "ssh-ed25519 AAAA comment")
    return SshShell("m1", endpoint, tmp_path / "keys/login", known_hosts)


def test_words_arrive_as_they_are(shell: SshShell) -> None:
    nasty = ["a b", "$HOME", "`id`", "'\"", "*", "", "x;y|z&", "ü\nv"]
    done = shell.run(["printf", "%s\\0", *nasty])
    assert done.stdout.split("\0")[:-1] == nasty


def test_standard_input(shell: SshShell) -> None:
    assert shell.run(["cat"], stdin=b"secret\n").stdout == "secret\n"
    assert shell.run(["cat"]).stdout == ""


def test_options_that_keep_it_safe(shell: SshShell, bin_folder: Path, tmp_path: Path) -> None:
    shell.run(["true"])
    arguments = (bin_folder / "arguments").read_text().splitlines()
    for option in ("BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes"):
        assert option in arguments
    assert arguments[:2] == ["-F", "none"]
    assert f"UserKnownHostsFile={tmp_path}/keys/known_hosts" in arguments
    assert (tmp_path / "keys/known_hosts").read_text() == "[127.0.0.1]:20000 ssh-ed25519 AAAA\n"


def test_exit_codes(shell: SshShell) -> None:
    assert shell.run(["sh", "-c", "exit 3"], expect=(0, 3)).code == 3
    with pytest.raises(CommandFailed) as caught:
        shell.run(["sh", "-c", "echo out; echo why >&2; exit 3"])
    assert caught.value.code == 3
    assert str(caught.value) == "sh failed on m1 (exit code 3):\nwhy"


def test_a_machine_that_does_not_answer(shell: SshShell, bin_folder: Path) -> None:
    (bin_folder / "unreachable").touch()
    with pytest.raises(MachineUnreachable, match="SSH to m1 failed: .*Connection refused"):
        shell.run(["true"])
    with pytest.raises(MachineUnreachable):
        shell.stream(["true"], print, 5)
    with pytest.raises(MachineUnreachable, match=r"m1 did not answer on SSH within 0 s: .*Connection refused"):
        shell.wait_until_ready(0.3)
    (bin_folder / "unreachable").unlink()
    shell.wait_until_ready(0.3)


def test_a_command_that_takes_too_long(shell: SshShell) -> None:
    with pytest.raises(TemporaryError, match="sleep on m1 did not end within 0 s"):
        shell.run(["sleep", "10"], timeout=0.3)
    assert shell.stream(["sleep", "10"], print, 1).code == 124


def test_lines_come_one_by_one_and_no_exit_code_is_an_error(shell: SshShell) -> None:
    lines: list[str] = []
    done = shell.stream(["sh", "-c", "echo one; echo two >&2; printf '\\377'; exit 6"], lines.append, 10)
    assert lines == ["one", "two", "\ufffd"]
    assert (done.code, done.stdout) == (6, "one\ntwo\n\ufffd")


def test_archives_are_unpacked_into_a_new_private_folder(shell: SshShell, tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "old").touch()
    unpack_on(shell, str(folder), pack({"a/b": b"1", "c": b"2"}))
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*")) == ["a", "a/b", "c"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "c").stat().st_mode & 0o777 == 0o600


def key_text(path: Path) -> str:
    words = ["ssh-keygen", "-y", "-P", "", "-f", str(path)]
    return " ".join(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[:2])


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "p1/ssh"
    keys = ensure_keys(folder)
    assert ensure_keys(folder) == keys
    assert keys.login_public.split()[0] == "ssh-ed25519"
    assert keys.login_public.split()[:2] != keys.host_public.split()[:2]
    assert keys.host_private == (folder / "host_ed25519").read_bytes()
    for name in ("login_ed25519", "host_ed25519"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
        assert (folder / f"{name}.pub").read_text().startswith(key_text(folder / name))
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("renames", [0, 1])
def test_killed_while_keys_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int) -> None:
    """Whatever was there, both halves belong together afterwards."""

    class Killed(BaseException):
        pass

    real, count = Path.replace, 0

    def dying(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count > renames:
            raise Killed
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(ssh_keys.Path, "replace", dying)  # type: ignore[attr-defined]
        with pytest.raises(Killed):
            ensure_keys(tmp_path)
    ensure_keys(tmp_path)
    for name in ("login_ed25519", "host_ed25519"):
        assert (tmp_path / f"{name}.pub").read_text().startswith(key_text(tmp_path / name))
    assert not [*tmp_path.glob("*.part*")]
