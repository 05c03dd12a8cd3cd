"""Who may connect: links that work once, and the sessions that they open. No network, no clock of its own.

Only SHA-256 digests are kept, as file names in a folder of the gateway's user. Tokens have 256 random bits, so a plain
digest cannot be turned back. Files instead of memory, so that the link command needs no socket into the gateway and
sessions survive the gateway's restart.
"""

from __future__ import annotations

import fcntl
import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RENEW_AFTER = 60.0  # seconds: a session in use is written again at most this often


@dataclass(frozen=True)
class Link:
    """A fresh link: the token (shown once, never stored) and when it expires (seconds since the epoch)."""

    token: str
    expires: float


class Access:
    """Links and sessions below `root`. `idle` is how long, in seconds, a session lives without being used."""

    def __init__(self, root: Path, now: Callable[[], float], idle: float) -> None:
        self._root, self._now, self._idle = root, now, idle
        for folder in (self._root / "links", self._root / "sessions"):
            folder.mkdir(mode=0o700, exist_ok=True)

    def issue(self, valid: float) -> Link:
        """Make a link that is valid for `valid` seconds; sweeps away what has expired."""
        link = Link(secrets.token_urlsafe(32), self._now() + valid)
        with self._locked():
            self._sweep()
            _write(self._link(link.token), link.expires)
        return link

    def is_open(self, token: str) -> bool:
        """Whether the link could be redeemed now. Does not use it up."""
        expires = _read(self._link(token))
        return expires is not None and self._now() < expires

    def redeem(self, token: str) -> str | None:
        """Use the link up and return a new session, or None. Of several at once exactly one gets the session."""
        with self._locked():
            if not self.is_open(token):
                return None
            self._link(token).unlink()
            session = secrets.token_urlsafe(32)
            _write(self._session(session), self._now())
        return session

    def is_live(self, session: str) -> bool:
        """Whether the session exists and was used lately."""
        used = _read(self._session(session))
        return used is not None and self._now() < used + self._idle

    def keep(self, session: str) -> bool:
        """Renew a live session; False once it has expired or was revoked."""
        if not self.is_live(session):
            return False
        if self._now() >= (_read(self._session(session)) or 0.0) + RENEW_AFTER:
            with self._locked():  # or a revocation in between would be undone
                if self.is_live(session):
                    _write(self._session(session), self._now())
        return self.is_live(session)

    def revoke(self) -> int:
        """End every link and session; the number of those that still were valid."""
        with self._locked():
            self._sweep()
            live = self._files()
            for path in live:
                path.unlink()
            return len(live)

    def _sweep(self) -> None:
        for path in self._files():
            life = self._idle if path.parent.name == "sessions" else 0.0
            if self._now() >= (_read(path) or 0.0) + life:
                path.unlink()

    def _files(self) -> list[Path]:
        return [path for folder in ("links", "sessions") for path in (self._root / folder).iterdir()]

    def _link(self, token: str) -> Path:
        return self._root / "links" / _digest(token)

    def _session(self, session: str) -> Path:
        return self._root / "sessions" / _digest(session)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _read(path: Path) -> float | None:
    try:
        return float(path.read_text("ascii"))
    except (FileNotFoundError, ValueError):  # ValueError: half-written by a machine that lost power
        return None


def _write(path: Path, value: float) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(repr(value), "ascii")
    fresh.replace(path)
