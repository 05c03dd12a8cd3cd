"""A note for whoever finds the data later: what is where, made with what, how to open it again, whom to acknowledge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cloudify_scipion.catalogue.pins.file import FILE
from cloudify_scipion.errors import ScipionError
from cloudify_scipion.lifecycle.layout import TARGET
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record

FOLDER = f"{TARGET}/about-this-project"
_AS_USER = ("runuser", "-u", "scipion", "--")
"""In the user's tree root would follow whatever link the user has put there."""


def write_about(services: Services, record: Record) -> None:
    """Write the note into the working copy, as its user. What the user does not allow is reported and no error."""
    shell, lock = services.connect(record), services.projects.kept(record.project, FILE)
    texts = {"README.txt": about_text(record), **({FILE: lock} if lock else {})}
    try:
        shell.run([*_AS_USER, "install", "-d", "-m", "0750", FOLDER])
        for name, text in texts.items():
            path = f"{FOLDER}/{name}"
            there = shell.run([*_AS_USER, "cat", path], expect=range(128))
            if there.stdout != text:  # written again it would have to be saved again
                shell.run([*_AS_USER, "tee", path], stdin=text.encode())
    except ScipionError as error:
        services.progress.say(f"the note about the project could not be written: {error.what}")


def about_text(record: Record) -> str:
    """The note. The same record gives the same text."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: Record) -> Iterator[str]:
    project, software = record.settings["project"], record.settings.get("software", {})
    yield from (project["title"] or record.project, "")
    yield f"Project {record.project}, begun {record.created}, on the site {record.settings['site'].get('name', '')}."
    yield from ("", "What is where")
    yield f"  projects/{record.project}/        the Scipion project: open this folder in Scipion"
    yield f"  about-this-project/{FILE}   every package of the software, with version and checksum"
    yield "  *.conflict-*                both versions, where two people changed the same file"
    yield from ("", "Software", *(f"  {line}" for line in _software(software)))
    yield from ("", "To open it again")
    yield "  With cloudify-scipion: install the same project file again; its data come back from the data space."
    yield "  With a Scipion of your own, of these versions: copy projects/ into its user data, then"
    yield f"  scipion3 project {record.project}"
    yield from ("", "In a publication, please acknowledge")
    yield "  Instruct-ERIC, the European research infrastructure for structural biology: https://instruct-eric.org"
    yield f"  and those who measured and computed: {_providers(record)}."


def _software(software: Mapping[str, Any]) -> Iterator[str]:
    yield f"Scipion {software.get('scipion', '')}"
    for kind in ("plugins", "em_packages"):
        yield from (f"{name} {version}" for name, version in (software.get(kind) or {}).items())


def _providers(record: Record) -> str:
    facility = record.settings.get("facility", {}).get("name", "")
    names = [name for name in (facility, record.site().name) if name]
    return " and ".join(names) or "the facility and the computing centre"
