"""Where a benchmark works: nothing is left at its end, nor when it is ended; the next one clears what a kill left."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from cloudify_scipion.adapters.local.cgroups import Group
from cloudify_scipion.adapters.local.mounts import mounted_below
from cloudify_scipion.adapters.local.process import Process, identify, send, wait_gone
from cloudify_scipion.adapters.local.tree import remove_tree
from tests.realhost import RealHost
from tools.benchmarks.hand import CONTAINER
from tools.benchmarks.progress import say

PARENT, PREFIX = Path("/var/tmp"), "cloudify-scipion-bench."
VARIABLE = "CLOUDIFY_SCIPION_BENCH"
"""In the environment of every program that a benchmark starts: the folder where it works."""
ENDED_BY = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextmanager
def workplace(given: Path | None = None, parent: Path = PARENT) -> Iterator[Path]:
    """A new folder below `parent` that is removed at the end, or the `given` one, whose files stay.

    What a benchmark that was killed has left there, mounted or running, is cleared first.
    """
    with _ended_by_signals():
        clear_remains(parent)
        work, descriptor = _taken(given, parent)
        before = os.environ.get(VARIABLE), os.environ.get("TMPDIR"), tempfile.tempdir
        try:
            end_all(work)
            _work_in(work)
            yield work
        finally:
            _restore(*before)
            end_all(work)
            if not given:
                say(f"removing {work}")
                remove_tree(work)
            os.close(descriptor)


def clear_remains(parent: Path) -> None:
    """Remove the folders of benchmarks that do not run any more, with all that is mounted and runs there."""
    for folder in sorted(parent.glob(f"{PREFIX}*")):
        descriptor = _locked(folder)
        if descriptor is not None:
            say(f"removing {folder}, which a benchmark that was killed has left")
            end_all(folder)
            remove_tree(folder)
            os.close(descriptor)


def end_all(work: Path) -> None:
    """End what runs in it and unmount what is mounted there: machines, data spaces, what was typed by hand."""
    started = [process for process in _processes() if _environment(process).get(VARIABLE) == str(work)]
    for process in started:
        send(process, signal.SIGKILL)
    wait_gone(started, 10)
    if any(work.glob("state/by-hand-*")):
        Group(CONTAINER).remove()
    for root in [work / "state", *work.glob("cold-?")]:
        if root.is_dir():
            RealHost(root).clear()
    for mount in reversed(mounted_below(work)):
        for how in ([], ["--lazy"]):
            if subprocess.run(["umount", *how, str(mount.point)], capture_output=True, check=False).returncode == 0:
                break
    for scraps in (*work.glob("state/by-hand-*"), work / "tmp"):
        remove_tree(scraps)


def _taken(given: Path | None, parent: Path) -> tuple[Path, int]:
    """The folder, and a descriptor that says to others that it is in use."""
    work = given.absolute() if given else Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = _locked(work)
    if descriptor is None:
        raise SystemExit(f"another benchmark works in {work}")
    return work, descriptor


def _locked(folder: Path) -> int | None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _work_in(work: Path) -> None:
    scratch = work / "tmp"
    scratch.mkdir(mode=0o711)
    os.environ |= {VARIABLE: str(work), "TMPDIR": str(scratch)}
    tempfile.tempdir = str(scratch)


def _restore(variable: str | None, folder: str | None, default: str | None) -> None:
    for name, value in ((VARIABLE, variable), ("TMPDIR", folder)):
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    tempfile.tempdir = default


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Make a signal an exception, so that everything is cleared; a second one does not disturb that."""

    def end(number: int, frame: FrameType | None) -> None:
        for other in ENDED_BY:
            signal.signal(other, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in ENDED_BY}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _processes() -> list[Process]:
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [process for number in numbers if number != os.getpid() and (process := identify(number)) is not None]


def _environment(process: Process) -> dict[str, str]:
    try:
        words = Path(f"/proc/{process.pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)
