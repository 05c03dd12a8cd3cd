"""TLS with the present certificate: a renewed one is used from the next connection on. Sessions outlive it."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path


class Certificate:
    """The pair of files, looked at for each connection.

    A context keeps one certificate for each kind of key: a new one makes sure that an old certificate is gone.
    """

    def __init__(self, certificate: str, key: str | None) -> None:
        self._certificate, self._key = Path(certificate), key
        self.context = self._load()
        self._present, self._loaded = self.context, self._changed()
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        with contextlib.suppress(OSError):  # half a pair, while the other half is written: the old one is good still
            changed = self._changed()
            if changed != self._loaded:
                self._present, self._loaded = self._load(), changed
        connection.context = self._present

    def _changed(self) -> list[tuple[int, int]]:
        stats = [Path(file).stat() for file in (self._certificate, self._key) if file]
        return [(stat.st_ino, stat.st_mtime_ns) for stat in stats]

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate, self._key)
        context.num_tickets = 0  # who resumes with TLS 1.3 is shown no certificate, and would go on with the old one
        return context
