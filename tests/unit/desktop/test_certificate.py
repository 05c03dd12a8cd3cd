"""The desktop's own certificate, as the machine makes it where nobody has given one."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from tests.unit.desktop.conftest import FILES


def test_a_certificate_is_made_whose_key_is_its_makers_alone(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    argv = ["sh", str(FILES / "bin/make-certificate"), str(key), str(certificate), "machine"]
    subprocess.run(argv, check=True, capture_output=True)
    assert [path.stat().st_mode & 0o777 for path in (key, certificate)] == [0o600, 0o600]
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    shown = ["openssl", "x509", "-in", str(certificate), "-noout", "-text"]
    said = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
    assert "CN = machine" in said and "DNS:localhost, IP Address:127.0.0.1" in said and "prime256v1" in said
