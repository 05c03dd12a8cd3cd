"""The answers to plain requests: our page, noVNC's files, and small facts as JSON."""

from __future__ import annotations

import html
import json
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from cloudify_saving.folder import Folder
from cloudify_saving.standing import standing
from websockets.datastructures import Headers

from .config import Config

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
MORE = ("Upgrade", "Content-Length", "Transfer-Encoding")  # what follows the headers is no further request
Answer = tuple[HTTPStatus, list[tuple[str, str]], bytes]


class Refused(Exception):
    """A request that is not served: status and reason go to the client and into the journal."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def answer(status: HTTPStatus, kind: str, body: bytes) -> Answer:
    """A whole answer, with the headers that all have."""
    return status, [("Content-Type", kind), *HEADERS.items()], body


def may_stay(headers: Headers) -> bool:
    """Whether the connection may bring a further request after this one: browsers ask for that, and send no body."""
    asked = ", ".join(headers.get_all("Connection")).lower()
    return "keep-alive" in asked and not any(name in headers for name in MORE)


def stays(answer: Answer) -> Headers:
    """The headers of an answer after which the connection stays."""
    return Headers([*answer[1], ("Content-Length", str(len(answer[2]))), ("Connection", "keep-alive")])


def as_json(value: dict[str, object]) -> Answer:
    """Facts for the page."""
    return answer(HTTPStatus.OK, "application/json", json.dumps(value).encode())


def project_facts(config: Config, now: float) -> dict[str, object]:
    """How saving stands, and when the project's time ends, in seconds since 1970 (None: unknown)."""
    folder = Folder(Path(config.saving))
    saving = standing(folder.status(), now, agent=folder.agent())
    ends = datetime.fromisoformat(config.ends_at).timestamp() if config.ends_at else None
    return {"saving": asdict(saving), "ends": ends}


def as_refusal(refused: Refused) -> Answer:
    """The reason, as text."""
    return answer(refused.status, "text/plain; charset=utf-8", f"{refused.reason}\n".encode())


def as_file(config: Config, path: str) -> Answer:
    """A file of the page or of noVNC; raises Refused when there is none."""
    folder, name = config.page, path.removeprefix("/") or "index.html"
    if path.startswith("/novnc/"):
        folder, name = config.novnc, path.removeprefix("/novnc/")
    if "\0" in name:
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing here.")
    target = Path(folder, name).resolve()
    if not target.is_relative_to(Path(folder).resolve()) or target.suffix not in TYPES or not target.is_file():
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing here.")
    body = target.read_bytes()
    if target.suffix == ".html":
        for field in ("title", "project", "open_command", "session_hours"):
            body = body.replace(f"@{field}@".encode(), html.escape(str(getattr(config, field) or "")).encode())
    return answer(HTTPStatus.OK, TYPES[target.suffix], body)
