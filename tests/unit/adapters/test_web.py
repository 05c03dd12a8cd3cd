"""The question whether the desktop answers, to real servers."""

from __future__ import annotations

import hashlib
import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloudify_scipion.adapters.web import GatewayProbe


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Sick(Health):
    def do_GET(self) -> None:
        self.send_response(503)
        self.end_headers()


@contextmanager
def serving(handler: type[Health], context: ssl.SSLContext | None = None) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "1"]
    subprocess.run([*words, "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True, capture_output=True)
    return folder


def fingerprint(certificate: Path) -> str:
    der = ssl.PEM_cert_to_DER_cert((certificate / "cert.pem").read_text())
    return hashlib.sha256(der).hexdigest()


def test_plain() -> None:
    with serving(Health) as port:
        assert GatewayProbe().answers(f"http://127.0.0.1:{port}", "")
    assert not GatewayProbe().answers(f"http://127.0.0.1:{port}", "")


def test_a_sick_gateway() -> None:
    with serving(Sick) as port:
        assert not GatewayProbe().answers(f"http://127.0.0.1:{port}", "")


def test_tls_with_the_right_certificate_only(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    right = fingerprint(certificate)
    shown = ":".join(right[i : i + 2] for i in range(0, 64, 2)).upper()
    with serving(Health, context) as port:
        url = f"https://127.0.0.1:{port}"
        assert GatewayProbe().answers(url, right)
        assert GatewayProbe().answers(url, shown)
        assert not GatewayProbe().answers(url, "0" * 64)
        assert not GatewayProbe().answers(url, "")
        assert not GatewayProbe().answers(f"http://127.0.0.1:{port}", "")


def test_not_tls() -> None:
    with serving(Health) as port:
        assert not GatewayProbe().answers(f"https://127.0.0.1:{port}", "0" * 64)
