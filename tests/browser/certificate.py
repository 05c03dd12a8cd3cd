"""Certificates of the tests' own, and which one a gateway presents."""

from __future__ import annotations

import base64
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


def key_hash(certificate: Path) -> str:
    """What Chromium's `--ignore-certificate-errors-spki-list` wants of those that it accepts."""
    argv = ["openssl", "x509", "-in", str(certificate), "-pubkey", "-noout"]
    public = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    return base64.b64encode(hashlib.sha256(base64.b64decode("".join(public.split("\n")[1:-2]))).digest()).decode()


def fingerprint(text: str) -> str:
    """Of a certificate in PEM, as browsers show it."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).digest().hex(":").upper()


def presented(port: int) -> str:
    """The fingerprint of the certificate that a port of this host presents, asked by its address alone."""
    return fingerprint(ssl.get_server_certificate(("127.0.0.1", port)))
