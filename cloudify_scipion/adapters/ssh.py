"""Commands on a machine over OpenSSH; the host key is known before the first connection.

Commands that follow each other share one connection, which ends by itself a few seconds after the last. Where there is
none, a command makes it, or goes alone.
"""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cloudify_scipion.errors import CommandFailed, MachineUnreachable, TemporaryError
from cloudify_scipion.lifecycle.facts import CommandResult, Endpoint

SSH_FAILED = 255
SHARED_SECONDS = 10
"""How long a connection waits for its next command."""


class SshShell:
    """Implements the port Shell. `key` and `known_hosts` are files; the folder of the latter is private."""

    def __init__(self, name: str, endpoint: Endpoint, key: Path, known_hosts: Path) -> None:
        self._name = name
        # The socket's name is relative to this folder, because a socket's path may have 108 bytes at most.
        self._folder = known_hosts.absolute().parent
        self._command = [
            "ssh", "-F", "none", "-T", "-i", str(key.absolute()), "-p", str(endpoint.port), *_sharing(known_hosts),
            "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes",
            "-o", f"UserKnownHostsFile={known_hosts.absolute()}", "-o", "GlobalKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=5",
            "-o", "ServerAliveCountMax=4", f"root@{endpoint.host}",
        ]  # fmt: skip

    def run(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60.0, expect: Sequence[int] = (0,)
    ) -> CommandResult:
        """Run and wait. Raises CommandFailed on an exit code outside `expect`, MachineUnreachable if SSH fails."""
        try:
            done = subprocess.run(
                [*self._command, shlex.join(argv)],
                input=stdin or b"",
                capture_output=True,
                timeout=timeout,
                cwd=self._folder,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TemporaryError(f"{argv[0]} on {self._name} did not end within {timeout:.0f} s") from None
        result = CommandResult(done.returncode, _text(done.stdout), _text(done.stderr))
        return self._checked(argv, result, expect)

    def stream(self, argv: Sequence[str], on_line: Callable[[str], None], timeout: float) -> CommandResult:
        """Run, handing every line of standard output to `on_line` as it comes; no exit code is an error but SSH's."""
        process = subprocess.Popen(
            [*self._command, f"timeout {timeout:.0f} {shlex.join(argv)}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=self._folder,
        )  # fmt: skip
        lines = []
        with process:
            assert process.stdout is not None
            for raw in process.stdout:
                lines.append(_text(raw).rstrip("\n"))
                on_line(lines[-1])
        result = CommandResult(process.returncode, "\n".join(lines), "")
        return self._checked(argv, result, expect=range(SSH_FAILED))

    def wait_until_ready(self, deadline: float) -> None:
        """Return when SSH answers with the known host key; raise MachineUnreachable after `deadline` seconds."""
        end = time.monotonic() + deadline
        while True:
            try:
                self.run(["true"], timeout=10)
                return
            except TemporaryError as error:
                if time.monotonic() > end:
                    raise MachineUnreachable(
                        f"{self._name} did not answer on SSH within {deadline:.0f} s: {error.what}"
                    ) from error
                time.sleep(0.2)

    def _checked(self, argv: Sequence[str], result: CommandResult, expect: Sequence[int]) -> CommandResult:
        if result.code == SSH_FAILED and SSH_FAILED not in expect:
            raise MachineUnreachable(f"SSH to {self._name} failed: {result.stderr.strip() or result.stdout.strip()}")
        if result.code not in expect:
            output = result.stderr.strip() or result.stdout.strip()
            raise CommandFailed(f"{argv[0]} failed on {self._name}", result.code, output[-2000:])
        return result


def _sharing(known_hosts: Path) -> list[str]:
    """Options for one connection per machine and host key: one that another machine answered is never used."""
    key = hashlib.sha256(known_hosts.read_bytes()).hexdigest()[:12]
    return [f"-oControlPath=connection-{key}", "-oControlMaster=auto", f"-oControlPersist={SHARED_SECONDS}"]


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
