"""Over TLS the server presents the certificate whose fingerprint we print."""

from __future__ import annotations

import hashlib
import ssl
from urllib.parse import urlsplit

import pytest

from tests.browser.target import Desktop

pytestmark = pytest.mark.machine


def test_the_fingerprint_is_the_server_s(desktop: Desktop) -> None:
    if not desktop.url.startswith("https:"):
        pytest.skip("this desktop speaks plain HTTP")
    parts = urlsplit(desktop.url)
    presented = ssl.get_server_certificate((parts.hostname or "", parts.port or 443))
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(presented)).digest().hex(":").upper()
    assert desktop.run(["cloudify-desktop-link", "--fingerprint"]).strip() == digest


def test_the_key_is_the_gateway_s_alone(desktop: Desktop) -> None:
    if not desktop.url.startswith("https:"):
        pytest.skip("this desktop speaks plain HTTP")
    key = desktop.run(["stat", "-c", "%a %U", "/etc/cloudify-desktop/tls/key.pem"])
    assert key.strip() == "600 cloudify-desktop"
