"""The Debian sources that this host's apt uses, picked out of whatever form they are written in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from cloudify_scipion.adapters.commands import run

_ONE_LINE = re.compile(r"^deb\s+(?:\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")
_OFF = {"no", "false", "without", "off", "disable", "0"}


def debian_sources(files: Mapping[str, str], suite: str) -> list[str]:
    """The entries of apt source files (name -> text) that serve Debian `suite` or its updates.

    Returns the text of a one-line style file, of a deb822 style file, of both or of none: apt does not mix the two.
    Other repositories of the host are none of a machine's business.
    """
    stanzas: list[dict[str, str]] = []
    lines: list[str] = []
    for name, text in sorted(files.items()):
        if name.endswith(".sources"):
            stanzas += [stanza for stanza in _stanzas(text) if _serves(stanza, suite)]
        elif name.endswith(".list"):
            lines += [line for line in map(_uncommented, text.splitlines()) if _line_serves(line, suite)]
    texts = ["".join(f"{line}\n" for line in lines), "\n".join(_written(stanza, suite) for stanza in stanzas)]
    return [text for text in texts if text]


def without(texts: Iterable[str], place: str) -> list[str]:
    """The sources without those of one mirror (its host, and port if there is one); nothing if they no longer do.

    They do as long as each release is served by another mirror.
    """
    kept, before = [], list(texts)
    for text in before:
        if text.startswith("deb "):
            found = [(line, _ONE_LINE.match(line)) for line in text.splitlines()]
            lines = [line for line, match in found if match and _place(match["uri"]) != place]
            kept.append("".join(f"{line}\n" for line in lines))
        else:
            kept.append("\n".join(_rest(stanza, place) for stanza in _stanzas(text)).strip("\n") + "\n")
    left = [text for text in kept if text.strip()]
    return left if _releases(left) == _releases(before) else []


def _rest(stanza: Mapping[str, str], place: str) -> str:
    key = next(name for name in stanza if name.lower() == "uris")
    uris = " ".join(uri for uri in stanza[key].split() if _place(uri) != place)
    return "".join(f"{name}: {value}\n" for name, value in {**stanza, key: uris}.items()) if uris else ""


def _releases(texts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for text in texts:
        found |= {match["suite"] for line in text.splitlines() if (match := _ONE_LINE.match(line))}
        for stanza in _stanzas(text):
            found |= {suite for name, value in stanza.items() if name.lower() == "suites" for suite in value.split()}
    return found


def _place(uri: str) -> str:
    return urlsplit(uri).netloc.rpartition("@")[2]


def host_source_files(etc: Path = Path("/etc/apt")) -> dict[str, str]:
    """This host's apt source files, by name."""
    paths = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    return {str(path): path.read_text(errors="replace") for path in paths if path.is_file()}


def fetch_settings() -> str:
    """How this host's apt fetches (proxy, CA, checks, credentials), as apt.conf text; it may hold secrets."""
    dumped = run(["apt-config", "dump", "Acquire"]).stdout.splitlines()
    wanted = [line for line in dumped if not line.startswith(("Acquire::IndexTargets", "Acquire::cdrom", 'Acquire "'))]
    # absolute paths: the host's credentials are read where they are, and never copied
    return "\n".join(
        [*wanted, 'Dir::Etc::netrc "/etc/apt/auth.conf";', 'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";', ""]
    )


def _suites(suite: str) -> set[str]:
    return {suite, f"{suite}-updates", f"{suite}-security"}


def _uncommented(line: str) -> str:
    return line.split("#", 1)[0].strip()


def _line_serves(line: str, suite: str) -> bool:
    match = _ONE_LINE.match(line)
    return match is not None and match["suite"] in _suites(suite) and "main" in match["components"].split()


def _stanzas(text: str) -> Iterable[dict[str, str]]:
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t") and key:
                fields[key] += f"\n{line}"
            elif ":" in line:
                key, value = line.split(":", 1)
                fields[key] = value.strip()
        if fields:
            yield fields


def _serves(stanza: Mapping[str, str], suite: str) -> bool:
    fields = {key.lower(): value for key, value in stanza.items()}
    return (
        "deb" in fields.get("types", "").split()
        and fields.get("enabled", "yes").lower() not in _OFF
        and bool(_suites(suite) & set(fields.get("suites", "").split()))
        and "main" in fields.get("components", "").split()
    )


def _written(stanza: Mapping[str, str], suite: str) -> str:
    fields = dict(stanza)
    for key in fields:
        if key.lower() == "suites":
            fields[key] = " ".join(name for name in fields[key].split() if name in _suites(suite))
        if key.lower() == "types":
            fields[key] = "deb"
    return "".join(f"{key}: {value}\n" for key, value in fields.items())
