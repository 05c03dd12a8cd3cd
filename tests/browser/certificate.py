"""Certificates of the tests' own, and which one a gateway presents."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
from pathlib import Path


def self_signed(folder: Path, name: str = "given") -> tuple[Path, Path]:
    """A fresh pair: certificate and key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*argv, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


def fingerprint(text: str) -> str:
    """Of a certificate in PEM, as browsers show it."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).digest().hex(":").upper()


def presented(port: int) -> str:
    """The fingerprint of the certificate that a port of this host presents, asked by its address alone."""
    return fingerprint(ssl.get_server_certificate(("127.0.0.1", port)))
