"""Runs a program that downloads; says what it waits for; ends it when nothing comes any longer.

apt and pip wait for a mirror that takes a question and never answers for as many minutes as there are files, and for
one that sends a byte a second for ever. Neither says meanwhile which file it is.

FETCHING_REPORT names a file to which lines are added: `waiting: TEXT`, empty at the end, and `said: TEXT` for what a
person should read at once. FETCHING_PATIENCE is the number of seconds after which a mirror is given up.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

REPORT, PATIENCE = "FETCHING_REPORT", "FETCHING_PATIENCE"
PATIENCE_SECONDS = 45.0
LEAST = 1000
"""Bytes a second: less over the whole time of patience is as good as nothing."""
REPORT_SECONDS = 1.0
TICK_SECONDS = 0.5


@dataclass(frozen=True)
class File:
    """A file asked of a mirror. `part`: where it grows. `size` in bytes, 0 if unknown. `mirror`: whose link it was."""

    place: str
    name: str
    part: Path | None = None
    size: int = 0
    mirror: str = ""

    def have(self) -> int:
        """Bytes that are there."""
        return size_of(self.part) if self.part else 0

    def __str__(self) -> str:
        have = self.have()
        known = f", {amount(have)} of {amount(self.size)}" if self.size else f", {amount(have)} so far" if have else ""
        return f"{self.name} from {self.place}{known}"


@dataclass(frozen=True)
class Outcome:
    """How a program ended: `hung` is the file that made an end of it. `lines` are what it said to people."""

    code: int
    lines: Sequence[str]
    hung: File | None = None
    why: str = ""

    def __str__(self) -> str:
        assert self.hung is not None
        return f"the mirror {self.hung.place} does not give {self.hung.name}: {self.why}"


class Reader(Protocol):
    """Understands what one kind of program says."""

    def line(self, line: str) -> str:
        """Take a line; what of it is for people, empty if nothing is."""

    def waiting(self) -> Sequence[File]:
        """Files that are being fetched, one per mirror."""

    def came(self, place: str) -> tuple[int, int]:
        """Files and bytes that have come from a mirror, without the file that is being fetched."""

    def gave_up(self) -> tuple[File, str] | None:
        """The file that the program itself could not get from a mirror, and its reason."""

    def left(self) -> str:
        """How much there is still to do, as far as it is known."""


class Patience:
    """Whether a mirror still sends something: LEAST bytes a second over the time of patience, or whole files."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._marks: dict[str, tuple[float, int, int]] = {}

    def ends(self, reader: Reader, now: float) -> File | None:
        """The file for which it is not worth waiting."""
        files = reader.waiting()
        self._marks = {file.place: self._marks.get(file.place, (now, 0, 0)) for file in files}
        return next((file for file in files if self._hangs(file, *reader.came(file.place), now)), None)

    def _hangs(self, file: File, files: int, size: int, now: float) -> bool:
        since, files_then, size_then = self._marks[file.place]
        size += file.have()
        if files != files_then or size - size_then >= LEAST * self.seconds or size < size_then:
            self._marks[file.place] = (now, files, size)
            return False
        return now - since > self.seconds


def watch(argv: Sequence[str], reader: Reader, env: Mapping[str, str] | None = None) -> Outcome:
    """Run a program to its end, or until a mirror hangs."""
    patience, lines, reported = Patience(patience_seconds()), [], 0.0
    pipe = subprocess.PIPE
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT, env=env)
    assert process.stdout is not None
    with process, selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        rest, hung, why = b"", None, ""
        while True:
            if selector.select(min(TICK_SECONDS, patience.seconds / 4)):
                chunk = os.read(process.stdout.fileno(), 65536)
                *whole, rest = (rest + chunk).split(b"\n")
                lines += [text for raw in whole if (text := reader.line(raw.decode(errors="replace")))]
                if not chunk:
                    break
            now = time.monotonic()
            hung = patience.ends(reader, now)
            why = f"nothing came for {patience.seconds:.0f} s" if hung else ""
            if not hung and (given_up := reader.gave_up()):
                hung, why = given_up
            if hung:
                _end(process)
                break
            if now - reported > REPORT_SECONDS:
                reported = now
                files = [str(file) for file in reader.waiting()]
                report("waiting", "; ".join([*files, *filter(None, [reader.left() if files else ""])]))
    report("waiting", "")
    lines += [text] if (text := reader.line(rest.decode(errors="replace"))) else []
    return Outcome(process.returncode, lines, hung, why)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()


def patience_seconds() -> float:
    """How long nothing may come from a mirror."""
    return float(os.environ.get(PATIENCE) or PATIENCE_SECONDS)


def report(kind: str, text: str) -> None:
    """Add a line for whoever watches the whole run."""
    if path := os.environ.get(REPORT):
        with open(path, "a") as stream:  # noqa: PTH123 - it may be a pipe
            stream.write(f"{kind}: {text}\n")


def say(text: str) -> None:
    """Tell whoever watches, and whoever reads the program's output."""
    report("said", text)
    print(text, flush=True)


def place(url: str) -> str:
    """What a mirror is called: its host, without user name, password and path."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "?"
    return f"{parts.hostname}:{port}" if port else str(parts.hostname)


def amount(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; 0 for what is not there."""
    try:
        return sum(map(size_of, path.iterdir())) if path.is_dir() else path.stat().st_size
    except OSError:
        return 0


def next_step(outcome: Outcome, where: str) -> str:
    """The last words of a failed download: whose move it is, and what next. `where` says where mirrors are named."""
    assert outcome.hung is not None
    return (
        f"{outcome}.\n"
        "next: this is the mirror's fault, or the network's (a proxy's, where one is set): ask its operator, or try\n"
        f"  it from this host; name another mirror in {where};\n"
        "  then run the same command again."
    )
