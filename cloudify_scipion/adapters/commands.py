"""Programs of this host, run to their end: lists of words, captured text, errors that say what to do."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cloudify_scipion.errors import CommandFailed, MissingTool, TemporaryError
from cloudify_scipion.lifecycle.facts import CommandResult

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

PACKAGE_OF = {
    "debugfs": "e2fsprogs",
    "mkfs.ext4": "e2fsprogs",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sync": "coreutils",
}
"""Debian package that brings each program, where it has another name; providers add theirs."""


class _Shared(threading.local):
    """Per thread, because another one may close its descriptors at any moment."""

    def __init__(self) -> None:
        self.descriptors: set[int] = set()


_SHARED = _Shared()


@contextmanager
def shared_with_programs(descriptor: int) -> Iterator[None]:
    """Programs that this thread's `run` starts meanwhile hold this descriptor too.

    So a lock stays taken until the last of them ends, even if this process is killed and leaves one behind.
    """
    _SHARED.descriptors.add(descriptor)
    try:
        yield
    finally:
        _SHARED.descriptors.discard(descriptor)


def clean_environment() -> dict[str, str]:
    """An environment with nothing of the caller's in it: what a child does not get, it cannot leak."""
    return {"PATH": SYSTEM_PATH, "HOME": "/root", "LANG": "C.UTF-8"}


def as_root() -> str:
    """This command once more, as root."""
    return f"sudo {shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])}"


def missing_tools(tools: Sequence[str]) -> MissingTool | None:
    """One error naming every program of `tools` that is absent and the packages to install; None if all are there."""
    absent = [tool for tool in tools if not _found(tool)]
    if not absent:
        return None
    packages = sorted({PACKAGE_OF.get(tool, tool) for tool in absent})
    return MissingTool(
        f"this machine lacks {', '.join(absent)}", f"apt-get install --no-install-recommends {' '.join(packages)}"
    )


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    timeout: float = 60.0,
    expect: Sequence[int] = (0,),
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    detaching: bool = False,
) -> CommandResult:
    """Run a program and wait for it, at most `timeout` seconds, in a clean environment unless `env` is given.

    `detaching`: it leaves something behind that lives on, and so must not hold our locks.
    Raises MissingTool if it is absent, CommandFailed on an exit code outside `expect`, TemporaryError on a timeout.
    """
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
            env=clean_environment() if env is None else dict(env),
            cwd=cwd,
            pass_fds=() if detaching else tuple(_SHARED.descriptors),
            check=False,
        )
    except FileNotFoundError as error:
        raise missing_tools([argv[0]]) or CommandFailed(f"{argv[0]} could not be started: {error}", 127) from error
    except subprocess.TimeoutExpired as error:
        raise TemporaryError(f"`{shlex.join(argv)}` did not end within {timeout:.0f} s") from error
    result = CommandResult(done.returncode, _text(done.stdout), _text(done.stderr))
    if result.code not in expect:
        raise CommandFailed(f"`{shlex.join(argv)}` failed", result.code, result.stderr or result.stdout)
    return result


def follow(
    argv: Sequence[str], on_line: Callable[[str], None], *, timeout: float, env: Mapping[str, str]
) -> CommandResult:
    """Run a program that lasts, handing each line of its output (both streams) to `on_line` as it comes.

    Raises MissingTool if it is absent, CommandFailed on an exit code, TemporaryError after `timeout` seconds.
    """
    descriptors, lines = tuple(_SHARED.descriptors), list[str]()
    try:
        process = subprocess.Popen(
            list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(env),
            pass_fds=descriptors,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise missing_tools([argv[0]]) or CommandFailed(f"{argv[0]} could not be started: {error}", 127) from error
    late = threading.Timer(timeout, process.kill)
    with process:
        assert process.stdout is not None
        late.start()
        for raw in process.stdout:
            lines.append(_text(raw).rstrip("\n"))
            on_line(lines[-1])
    if late.finished.is_set():
        raise TemporaryError(f"{argv[0]} did not end within {timeout:.0f} s")
    late.cancel()
    if process.returncode != 0:
        raise CommandFailed(f"`{shlex.join(argv)}` failed", process.returncode, "\n".join(lines))
    return CommandResult(0, "\n".join(lines), "")


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _found(tool: str) -> bool:
    return any(os.access(Path(folder) / tool, os.X_OK) for folder in SYSTEM_PATH.split(":"))
