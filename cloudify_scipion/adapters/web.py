"""Asks the desktop's gateway whether it answers, where its users reach it."""

from __future__ import annotations

import hashlib
import http.client
import ssl
from urllib.parse import urlsplit

TIMEOUT = 3.0


class GatewayProbe:
    """Implements the port Web."""

    def answers(self, url: str, fingerprint: str) -> bool:
        """Whether `url`/health answers 200; with TLS, whether the certificate has that SHA-256 fingerprint."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 0
        try:
            if parts.scheme == "https":
                return self._certificate(host, port) == fingerprint.replace(":", "").lower()
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False

    def _certificate(self, host: str, port: int) -> str:
        text = ssl.get_server_certificate((host, port), timeout=TIMEOUT)
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()
