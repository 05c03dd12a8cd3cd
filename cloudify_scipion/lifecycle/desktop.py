"""The remote desktop in the browser: what configures it, its start, and links to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from cloudify_scipion.errors import ScipionError, TemporaryError
from cloudify_scipion.lifecycle.layout import DESKTOP_HELPER, DESKTOP_LINK, DESKTOP_TLS, DESKTOP_UNITS
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import update
from cloudify_scipion.lifecycle.record import Record

ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class Link:
    """A link to the desktop; good for one browser until `expires` (seconds since 1970, UTC)."""

    url: str
    expires: float
    id: str = ""  # names it, and the session that it opens, without opening anything


@dataclass(frozen=True)
class Visitor:
    """A browser that is connected: its link's id, from which address, since when (seconds since 1970, UTC)."""

    id: str
    view_only: bool
    address: str
    since: float


def desktop_data(services: Services, record: Record) -> dict[str, object]:
    """Hiera data of the desktop's part of the project run. Nothing in it is secret."""
    project, desktop = record.settings["project"], wanted_desktop(record)
    return {
        "desktop::start": False,  # `start_desktop` does, when the Scipion project is there
        "desktop::page_title": project["title"] or record.project,
        "desktop::open_command": f"cloudify-scipion open {record.project}",
        "desktop::geometry": desktop["geometry"],
        "desktop::tls": with_tls(services, record),
        "desktop::scipion_project": record.project,
        **({"desktop::ends_at": record.expires} if record.expires else {}),
    }


def wanted_desktop(record: Record) -> Mapping[str, str]:
    """What the Desktop node asks for, or will ask for when its turn comes; empty where that is not known."""
    planned: Mapping[str, str] = record.settings.get("planned", {}).get("desktop", {})
    return record.settings.get("desktop") or planned


def identity(record: Record) -> dict[str, object]:
    """Hiera data of whose machine it is: part of every project run, since a run without it would take it away."""
    project = record.settings["project"]
    keys = list(project.get("owner", {}).get("ssh_keys", []))
    return {"system::identity": {"project_id": record.project, "title": project["title"], "ssh_keys": keys}}


def send_certificate(services: Services, record: Record) -> None:
    """A certificate that the site gives travels over SSH's standard input, never through Puppet's data."""
    given = record.site().desktop
    if given.tls != "given":
        return
    certificate, key = services.secrets.get(given.tls_certificate), services.secrets.get(given.tls_key)
    shell = services.connect(record)
    shell.run(["install", "-d", "-m", "0750", "-g", "cloudify-desktop", DESKTOP_TLS])
    # The certificate comes last: the gateway loads both when that changes.
    for name, content in (("key.pem", key), ("cert.pem", certificate)):
        words = ["install", "-m", "0600", "-o", "cloudify-desktop", "/dev/stdin", f"{DESKTOP_TLS}/{name}"]
        shell.run(words, stdin=content.encode())


def start_desktop(services: Services, record: Record) -> Record:
    """Start the services and return when the gateway answers where it is asked for."""
    shell = services.connect(record)
    shell.run(["systemctl", "start", *DESKTOP_UNITS])
    fingerprint = shell.run([DESKTOP_LINK, "--fingerprint"]).stdout.strip() if with_tls(services, record) else ""
    record = update(services, record, tls_fingerprint=fingerprint)
    end = services.clock.monotonic() + ANSWER_SECONDS
    while not services.web.answers(desktop_url(services, record), fingerprint):
        if services.clock.monotonic() > end:
            raise TemporaryError(
                f"the desktop does not answer at {desktop_url(services, record)}",
                f"see the gateway's log: journalctl -u {DESKTOP_UNITS[-1]} on the machine",
            )
        services.clock.sleep(0.2)
    services.progress.say(
        f"the desktop answers at {desktop_url(services, record)}; a link: cloudify-scipion open {record.project}"
    )
    return record


def desktop_problem(services: Services, record: Record) -> str:
    """What is wrong with the desktop, empty if nothing is."""
    if not services.web.answers(desktop_url(services, record), record.tls_fingerprint):
        return f"the desktop does not answer at {desktop_url(services, record)}"
    names = (*DESKTOP_UNITS, DESKTOP_HELPER)
    states = services.connect(record).run(["systemctl", "is-active", *names], expect=range(128)).stdout.split()
    down = [name for name, state in zip(names, states, strict=False) if state != "active"]
    return f"not running: {', '.join(down)}" if down else ""


def open_link(services: Services, record: Record, valid_seconds: int, *, view_only: bool = False) -> Link:
    """A fresh link, made and verified on the machine. `view_only`: the gateway passes no key, click or clipboard on."""
    words = [DESKTOP_LINK, "--valid", str(valid_seconds), *(["--view-only"] if view_only else [])]
    answer = json.loads(services.connect(record).run(words).stdout)
    return Link(f"{desktop_url(services, record)}/#token={answer['token']}", float(answer["expires"]), answer["id"])


def revoke_links(services: Services, record: Record, *, view_only: bool = False, id: str = "") -> int:
    """End links and their sessions: all, those that only look, or those of one id; returns how many there were."""
    words = [DESKTOP_LINK, "--revoke", *(["--view-only"] if view_only else []), *(["--id", id] if id else [])]
    return int(json.loads(services.connect(record).run(words).stdout)["revoked"])


def who_is_connected(services: Services, record: Record) -> list[Visitor]:
    """The browsers that are at the desktop now, the oldest first."""
    answer = json.loads(services.connect(record).run([DESKTOP_LINK, "--who"]).stdout)
    return [Visitor(**visitor) for visitor in answer["connected"]]


def stop_desktop(services: Services, record: Record) -> Record:
    """End the sessions before the machine goes; nothing to do when it is off."""
    if services.of(record).machines.look(record.machine).running:
        services.progress.say("ending the desktop's sessions")
        try:
            services.connect(record).run(["systemctl", "stop", *reversed(DESKTOP_UNITS)], expect=range(128))
        except ScipionError as error:
            services.progress.say(f"could not end the sessions cleanly, the machine stops anyway: {error.what}")
    return record


def with_tls(services: Services, record: Record) -> bool:
    """Whether the desktop is served with TLS: as the site says, or else unless only this computer reaches it, where a
    browser would warn for nothing."""
    asked = record.site().desktop.tls
    return asked != "none" if asked else not services.of(record).private


def desktop_url(services: Services, record: Record) -> str:
    """The desktop's address, without any token. Raises PermanentError when the project has no machine."""
    scheme = "https" if with_tls(services, record) else "http"
    return f"{scheme}://{services.of(record).endpoint(record, 'desktop')}"
