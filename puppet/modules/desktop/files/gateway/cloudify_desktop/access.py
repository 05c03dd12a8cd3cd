"""Who may connect: links that work once, and the sessions that they open. No network, no clock of its own.

Only SHA-256 digests are kept, as file names in a folder of the gateway's user. Tokens have 256 random bits, so a plain
digest cannot be turned back. Files instead of memory, so that the link command needs no socket into the gateway and
sessions survive the gateway's restart. A link that is spent is remembered for a day, so that it can be said why.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

RENEW_AFTER = 60.0  # seconds: a session in use is written again at most this often, but well within its life
REMEMBERED = 86400.0  # seconds after its end that a link is still known


@dataclass(frozen=True)
class Link:
    """A fresh link: the token (shown once, never stored), when it expires (seconds since the epoch), its public id."""

    token: str
    expires: float
    id: str


@dataclass(frozen=True)
class Grant:
    """What is kept of a link or of the session that it opened, which has the same id.

    `time` is when the link expires, or when the session was last used; `spent` is empty, `used` or `revoked`.
    """

    id: str
    view_only: bool
    time: float
    since: float
    spent: str = ""


class Access:
    """Links and sessions below `root`. `idle` is how long, in seconds, a session lives without being used."""

    def __init__(self, root: Path, now: Callable[[], float], idle: float) -> None:
        self._root, self._now, self._idle = root, now, idle
        self._renew_after = min(RENEW_AFTER, idle / 4)
        for folder in (self._root / "links", self._root / "sessions"):
            folder.mkdir(mode=0o700, exist_ok=True)

    def issue(self, valid: float, *, view_only: bool = False) -> Link:
        """Make a link that is valid for `valid` seconds; sweeps away what has expired."""
        link = Link(secrets.token_urlsafe(32), self._now() + valid, secrets.token_hex(4))
        with self._locked():
            self._sweep()
            _write(self._link(link.token), Grant(link.id, view_only, link.expires, self._now()))
        return link

    def told(self, token: str) -> str:
        """What has become of a link: `good`, `used`, `revoked`, `expired` or `unknown`. Does not use it up."""
        link = _read(self._link(token))
        if link is None:
            return "unknown"
        return link.spent or ("good" if self._now() < link.time else "expired")

    def id_of(self, token: str) -> str:
        """The public id of a link, or an empty text."""
        link = _read(self._link(token))
        return link.id if link else ""

    def is_open(self, token: str) -> bool:
        """Whether the link could be redeemed now. Does not use it up."""
        return self.told(token) == "good"

    def redeem(self, token: str) -> str | None:
        """Use the link up and return a new session, or None. Of several at once exactly one gets the session."""
        with self._locked():
            link = _read(self._link(token))
            if link is None or not self.is_open(token):
                return None
            session = secrets.token_urlsafe(32)
            _write(self._session(session), Grant(link.id, link.view_only, self._now(), self._now()))
            _write(self._link(token), replace(link, spent="used"))  # last: what fails before has used nothing
        return session

    def give_back(self, token: str, session: str) -> None:
        """Undo `redeem`: the answer never reached the browser, so that the link was not used."""
        with self._locked():
            link = _read(self._link(token))
            if link and link.spent == "used" and self._session(session).exists():
                self._session(session).unlink()
                _write(self._link(token), replace(link, spent=""))

    def live(self, session: str) -> Grant | None:
        """The session, if it exists and was used lately."""
        grant = _read(self._session(session))
        return grant if grant and self._now() < grant.time + self._idle else None

    def keep(self, session: str) -> bool:
        """Renew a live session, if there is room to write; False once it has expired or was revoked."""
        grant = self.live(session)
        if grant and self._now() >= grant.time + self._renew_after:
            with contextlib.suppress(OSError), self._locked():  # or a revocation in between would be undone
                if grant := self.live(session):
                    _write(self._session(session), replace(grant, time=self._now()))
        return grant is not None

    def sessions(self) -> list[Grant]:
        """Those that are live, the oldest first."""
        found = (_read(path) for path in self._files("sessions"))
        return sorted((grant for grant in found if grant and self._counts(grant)), key=lambda grant: grant.since)

    def revoke(self, *, view_only: bool = False, id: str = "") -> int:
        """End links and sessions: all, those that only look, or those of one id. The number that still were valid."""
        with self._locked():
            self._sweep()
            return sum(
                self._end(path, grant)
                for path in self._files("links", "sessions")
                if (grant := _read(path)) and (grant.view_only or not view_only) and id in ("", grant.id)
            )

    def _end(self, path: Path, grant: Grant) -> bool:
        if path.parent.name == "sessions":
            path.unlink()
            return True
        valid = not grant.spent and self._now() < grant.time
        if valid:
            _write(path, replace(grant, spent="revoked"))
        return valid

    def _counts(self, grant: Grant) -> bool:
        return self._now() < grant.time + self._idle

    def _sweep(self) -> None:
        lives = {"sessions": self._idle, "links": REMEMBERED}
        for path in self._files(*lives):
            grant = _read(path)
            if grant is None or self._now() >= grant.time + lives[path.parent.name]:
                path.unlink()

    def _files(self, *folders: str) -> list[Path]:
        return [path for folder in folders for path in (self._root / folder).iterdir()]

    def _link(self, token: str) -> Path:
        return self._root / "links" / _digest(token)

    def _session(self, session: str) -> Path:
        return self._root / "sessions" / _digest(session)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _read(path: Path) -> Grant | None:
    try:
        return Grant(**json.loads(path.read_text("ascii")))
    except (FileNotFoundError, ValueError, TypeError):  # half-written when power was lost, or an older gateway's
        return None


def _write(path: Path, grant: Grant) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(asdict(grant)), "ascii")
    fresh.replace(path)
