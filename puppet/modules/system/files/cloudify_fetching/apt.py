"""apt-get, watched: it tells which files it asks of which mirror when it is told to show its workers' messages.

Those messages hold addresses with passwords, so nothing of them is passed on.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cloudify_fetching.watch import File, Outcome, amount, next_step, patience_seconds, place, say, watch

MESSAGES = ("-o", "Debug::pkgAcquire::Worker=1")
NOWHERE = "http://127.0.0.1:9"
"""A proxy where nobody listens: a mirror behind it fails at once, and apt takes the next source."""
WHERE = "/etc/apt of this host (sources.list, sources.list.d)"
TRIES, PAUSE_SECONDS, RETRIES = 3, 5.0, 1
_MESSAGE = re.compile(r" (?:->|<-) (?:https?|ftp):(\d+)%20\S*?%0a(\S*)")
_NOISE = re.compile(r"%0a| (->|<-) |^Starting method|^Configured access method|^Version:\S+ SingleInstance")
_NEEDED = re.compile(r"^Need to get ([\d.,]+) (B|kB|MB|GB)")
_URI = re.compile(r"'(?P<url>\S+/Packages\S*)' (?P<list>\S+)")
_UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


class AptReader:
    """What apt-get asks of mirrors, and what it got; those of `without` are known to give nothing."""

    def __init__(self, without: Sequence[str] = ()) -> None:
        self._without = without
        self._asked: dict[str, File] = {}
        self._came: dict[str, tuple[int, int]] = {}
        self._failed: dict[str, int] = {}
        self._lost: tuple[File, str] | None = None
        self._needed = 0.0
        self._began = time.monotonic()

    def line(self, line: str) -> str:
        """See the protocol Reader."""
        if message := _MESSAGE.search(line):
            self._message(message[1], _fields(message[2]))
        if needed := _NEEDED.match(line):
            self._needed, self._began = float(needed[1].replace(",", "")) * _UNITS[needed[2]], time.monotonic()
            self._came.clear()
        return "" if _NOISE.search(line) else line.strip()

    def waiting(self) -> Sequence[File]:
        """See the protocol Reader; of several files asked of a mirror the first is on its way."""
        first: dict[str, File] = {}
        for file in self._asked.values():
            first.setdefault(file.place, file)
        return list(first.values())

    def came(self, place: str) -> tuple[int, int]:
        """See the protocol Reader."""
        return self._came.get(place, (0, 0))

    def gave_up(self) -> tuple[File, str] | None:
        """See the protocol Reader. Once more does apt try each file; then it would try the next file, and so on."""
        return self._lost

    def left(self) -> str:
        """See the protocol Reader."""
        have = sum(size for _, size in self._came.values()) + sum(file.have() for file in self.waiting())
        if not self._needed:
            return ""
        seconds = (self._needed - have) * (time.monotonic() - self._began) / have if have else 0
        soon = f", about {seconds / 60:.0f} min left" if seconds > 60 else ""
        return f"{amount(have)} of {amount(self._needed)} in all{soon}"

    def _message(self, code: str, fields: dict[str, str]) -> None:
        url = fields.get("URI", "")
        if code == "600":
            part = Path(fields["Filename"]) if "Filename" in fields else None
            size = int(fields.get("Expected-Checksum-FileSize", 0))
            self._asked[url] = File(place(url), name_of(url), part, size)
        elif code in ("201", "400", "103"):
            file = self._asked.pop(url, None)
            if file and code == "201":
                files, size = self.came(file.place)
                self._came[file.place] = (files + 1, size + int(fields.get("Size", 0)))
            elif file and file.place not in self._without and fields.get("Transient-Failure") == "true":
                self._failed[url] = self._failed.get(url, 0) + 1
                if self._failed[url] > RETRIES:
                    self._lost = file, fields.get("Message", "it gave no reason")


def _fields(text: str) -> dict[str, str]:
    pairs = (field.split(":%20", 1) for field in text.split("%0a") if ":%20" in field)
    return {name: unquote(value) for name, value in pairs}


def name_of(url: str) -> str:
    """What a file of a mirror is called: a package by its file, a list by its path in the archive."""
    path = unquote(urlsplit(url).path)
    return path[path.index("/dists/") + 1 :] if "/dists/" in path else path.rsplit("/", 1)[-1]


class Apt:
    """apt-get with apt's own configuration; `tries` and `pause` (seconds) for what fails by itself."""

    def __init__(self, tries: int = TRIES, pause: float = PAUSE_SECONDS) -> None:
        self._tries = tries
        self._pause = pause
        self._without: list[str] = []
        self._hung: Outcome | None = None

    def get(self, *arguments: str) -> Outcome:
        """Run apt-get; a mirror that hangs is left out, and the others are tried."""
        while True:
            outcome = watch(["apt-get", "-q", *MESSAGES, *self._options(), *arguments], AptReader(self._without))
            if outcome.hung is None or outcome.hung.place in self._without:
                return outcome
            self._hung = outcome
            self._without.append(outcome.hung.place)
            say(f"{outcome}: it is left out for now")

    def update(self) -> bool:
        """Fetch the lists: all of them, or, where a mirror fails, of every release from another one."""
        outcome = self.get("update", "-o", "APT::Update::Error-Mode=any")
        if outcome.code == 0:
            return True
        lines = outcome.lines
        outcome = self.get("update")
        if outcome.code == 0 and self._complete():
            return True
        self._tell(lines)
        return False

    def install(self, wanted: Sequence[str]) -> int:
        """Install packages (NAME or NAME=VERSION) in one transaction; the exit code."""
        return self._patiently(wanted, ["--download-only", "install", *wanted]) or self._unpack(wanted)

    def download(self, wanted: Sequence[str]) -> int:
        """Fetch packages into the current folder, and install none; the exit code."""
        return self._patiently(wanted, ["download", *wanted])

    def _patiently(self, wanted: Sequence[str], arguments: Sequence[str]) -> int:
        for attempt in range(self._tries):
            self._without.clear()
            self._hung = self._hung if attempt else None
            if not ((attempt == 0 and lists_are_fresh()) or self.update()):
                outcome = None
            elif gone := self._gone(wanted):
                print(gone)
                return 1
            else:
                outcome = self.get("-y", "--no-install-recommends", *arguments)
                if outcome.code == 0:
                    return 0
                self._tell(outcome.lines)
            if self._hung and attempt:
                break  # it was given a second chance
            time.sleep(self._pause if attempt + 1 < self._tries else 0)
        if self._hung:
            print(next_step(self._hung, WHERE))
        return 1

    def _unpack(self, wanted: Sequence[str]) -> int:
        options = ["-o", "Dpkg::Options::=--force-confold"]
        argv = ["apt-get", "-q", "-y", "--no-install-recommends", *options, *self._options(), "install", *wanted]
        return subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode

    def _gone(self, wanted: Sequence[str]) -> str:
        """Words on exact versions that the lists do not have; they are looked for anew first."""
        exact = dict(one.split("=", 1) for one in wanted if "=" in one)
        missing = {name: version for name, version in exact.items() if version not in versions(name)}
        return versions_gone({name: (version, versions(name)) for name, version in missing.items()})

    def _options(self) -> list[str]:
        seconds = max(1, round(patience_seconds() / 3))  # the addresses of a host are tried one after the other
        options = [f"Acquire::{scheme}::Timeout={seconds}" for scheme in ("http", "https")]
        for host in {name.rsplit(":", 1)[0] for name in self._without}:
            options += [f"Acquire::{scheme}::Proxy::{host}={NOWHERE}" for scheme in ("http", "https")]
        return [word for option in (*options, f"Acquire::Retries={RETRIES}") for word in ("-o", option)]

    def _complete(self) -> bool:
        """Whether there is a list of each part of each release, from whichever mirror."""
        lists, parts = lists_folder(), dict[str, bool]()
        for line in asked(["apt-get", "update", "--print-uris"]):
            if (uri := _URI.match(line)) and "/binary-all/" not in uri["url"]:  # which Debian itself has not
                name = name_of(uri["url"])
                parts[name] = parts.get(name, False) or any(lists.glob(f"{glob.escape(uri['list'])}*"))
        return bool(parts) and all(parts.values())

    def _tell(self, lines: Iterable[str]) -> None:
        """What apt says where no mirror has hung: otherwise that is the reason, and it is the last word."""
        if not self._hung:
            print("\n".join([line for line in lines if line.startswith(("E:", "W:", "Err:"))][-5:]))


def lists_are_fresh(seconds: float = 3600) -> bool:
    """Whether apt's lists were fetched within the last hour."""
    lists = lists_folder().glob("*_Packages*")
    return any(time.time() - path.stat().st_mtime < seconds for path in lists)


def lists_folder() -> Path:
    """Where apt keeps its lists."""
    return apt_folder("Dir::State::lists/d")


def apt_folder(setting: str) -> Path:
    """A folder of apt's configuration, such as `Dir::State::lists/d`."""
    return Path("".join(asked(["apt-config", "shell", "folder", setting])).partition("=")[2].strip("'"))


def versions(name: str) -> list[str]:
    """Versions of a package that apt's lists have."""
    lines = (line.split("|") for line in asked(["apt-cache", "madison", name]))
    return list(dict.fromkeys(fields[1].strip() for fields in lines if len(fields) == 3))


def versions_gone(gone: dict[str, tuple[str, list[str]]]) -> str:
    """What a person is told of exact versions that no mirror has; empty if there are none."""
    if not gone:
        return ""
    told = [f"{name} {wanted} (there: {', '.join(have) or 'none'})" for name, (wanted, have) in gone.items()]
    return (
        f"Debian's mirrors no longer have {'; '.join(told)}.\n"
        "next: another version is never taken instead. Old ones stay in two places: the lock file of an earlier\n"
        "  installation (`cloudify-scipion render --lock`), and a snapshot of Debian's archive, if the operator names\n"
        "  one in /etc/apt of this host. Or choose a version that is there, in the catalogue."
    )


def asked(argv: Sequence[str]) -> list[str]:
    """Lines that a program of Debian's answers, none if it has nothing to say."""
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=environment).stdout.splitlines()
