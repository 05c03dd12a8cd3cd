"""pip, watched: it tells which page or file it asks of which index when it is told to say all that it does (-vv)."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cloudify_fetching.watch import File, Outcome, next_step, patience_seconds, place, say, watch

WHERE = "pip's configuration on this host (index-url, extra-index-url)"
_PAGE = re.compile(r"^\s*Getting page (\S+)")
_PAGE_CAME = re.compile(r"^\s*(?:Fetched page|Could not fetch URL) ")
_NO_PAGE = re.compile(r"^\s*Could not fetch URL (\S+): connection error: .*?(?:\(Caused by \w+\((.*)\)\))? - skipping")
_LINK = re.compile(r"^\s*Found link ([^#\s]+)\S* \(from (\S+?)\)")
_WANTED = re.compile(r"^\s*Collecting (\S+)")
_FILE = re.compile(r"^\s*Downloading (\S+) \(([\d.]+) (bytes|kB|MB|GB)\)")
_CAME = re.compile(r"^\s*Added \S+ from ")
_BROKEN = re.compile(r"^pip\._vendor\.\S*?(?:Error|Exception): (.*(?:HTTPS?ConnectionPool|Connection broken).*)")
_PEOPLE = re.compile(r"^\s*(?:ERROR|WARNING): (?!Exception:)")
_OBJECT = re.compile(r"<\S+ object at \w+>: |\S+ConnectionPool\(.*?\): ")
_OPTION = re.compile(r"^(?:global|:env:)\.((?:extra-)?index-url)=('.*')$", re.MULTILINE)
_UNITS = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


class PipReader:
    """What pip asks of indexes; `folder` is where its files grow."""

    def __init__(self, folder: Path, wanted: int = 0) -> None:
        self._folder = folder
        self._wanted = wanted
        self._links: dict[str, str] = {}
        self._asked: File | None = None
        self._came: dict[str, tuple[int, int]] = {}
        self._lost: tuple[File, str] | None = None
        self._files = 0

    def line(self, line: str) -> str:
        """See the protocol Reader."""
        if page := _PAGE.match(line):
            mirror = place(page[1])
            self._asked = File(mirror, f"its page of {name_of(page[1].removesuffix('/'))}", mirror=mirror)
        elif link := _LINK.match(line):
            self._links[name_of(link[1])] = place(link[2])
        elif wanted := _WANTED.match(line):
            self._ask_for(wanted[1])
        elif file := _FILE.match(line):
            mirror = self._links.get(name_of(file[1]), place(file[1]))
            self._asked = File(place(file[1]), name_of(file[1]), self._folder, self._size(file[2], file[3]), mirror)
        elif self._asked and (reason := _NO_PAGE.match(line) or _BROKEN.match(line)):
            self._lost = self._asked, _OBJECT.sub("", reason[reason.lastindex or 0]).strip("'. ")[-200:]
        if _PAGE_CAME.match(line) or _CAME.match(line):
            self._arrived(file=not _PAGE_CAME.match(line))
        return line.strip() if _PEOPLE.match(line) else ""

    def waiting(self) -> Sequence[File]:
        """See the protocol Reader."""
        return [self._asked] if self._asked else []

    def came(self, place: str) -> tuple[int, int]:
        """See the protocol Reader."""
        return self._came.get(place, (0, 0))

    def gave_up(self) -> tuple[File, str] | None:
        """See the protocol Reader: pip would try once more for each of a hundred packages."""
        return self._lost

    def left(self) -> str:
        """See the protocol Reader."""
        return f"{self._files} of {self._wanted} packages are there" if self._wanted else ""

    def _ask_for(self, requirement: str) -> None:
        if self._links:
            name, mirror = list(self._links.items())[-1]
            self._asked = File(mirror, f"{name} ({requirement})", self._folder, mirror=mirror)

    def _arrived(self, file: bool) -> None:
        if self._asked:
            files, size = self.came(self._asked.place)
            self._came[self._asked.place] = (files + 1, size)
            self._files += file
            self._asked = None

    def _size(self, number: str, unit: str) -> int:
        return int(float(number) * _UNITS[unit])


def name_of(url: str) -> str:
    """The name of a file of an index."""
    return unquote(urlsplit(url).path).rsplit("/", 1)[-1]


def download(python: str, arguments: Sequence[str], wanted: int = 0) -> int:
    """Run `pip download` with pip's own configuration; an index that hangs is left out where there are others."""
    left, without = indexes(python), list[str]()
    while True:
        outcome = _once(python, arguments, wanted, left if without else [])
        if outcome.hung is None:
            print("\n".join(outcome.lines))
            return outcome.code
        without.append(outcome.hung.mirror)
        others = [url for url in left if place(url) not in without]
        if others in ([], left):
            print(next_step(outcome, WHERE), flush=True)
            return 1
        left = others
        say(f"{outcome}: trying without it")


def indexes(python: str) -> list[str]:
    """The indexes of pip's configuration, the main one first."""
    argv = [python, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    # the environment's are listed first, and count
    given = {name: ast.literal_eval(value).split() for name, value in reversed(_OPTION.findall(said))}
    return [*(given.get("index-url") or ["https://pypi.org/simple"]), *given.get("extra-index-url", [])]


def _once(python: str, arguments: Sequence[str], wanted: int, only: Sequence[str]) -> Outcome:
    environment = dict(os.environ)
    if only:  # not on the command line: it may hold a password
        environment |= {"PIP_INDEX_URL": only[0], "PIP_EXTRA_INDEX_URL": " ".join(only[1:] or only)}
    seconds = max(1, round(patience_seconds() / 3))
    times = ["--timeout", str(seconds), "--retries", "1"]
    with tempfile.TemporaryDirectory() as folder:
        argv = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "-vv", "download", *times, *arguments]
        return watch(argv, PipReader(Path(folder), wanted), {**environment, "TMPDIR": folder})
