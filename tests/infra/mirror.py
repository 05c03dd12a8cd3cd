"""A mirror that the tests serve over HTTP, with real archives from the Python package index in it."""

from __future__ import annotations

import hashlib
import html
import io
import re
import socket
import subprocess
import sys
import tarfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urljoin, urlsplit


def host_address() -> str:
    """An address of this host that containers reach: not its loopback, which is closed to them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("198.51.100.1", 9))  # an address of nobody's; nothing is sent
        return str(probe.getsockname()[0])


@contextmanager
def mirror(folder: Path) -> Iterator[str]:
    """The folder over HTTP; the URL."""
    handler = partial(_Quiet, directory=str(folder.parent))
    with ThreadingHTTPServer((host_address(), 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{server.server_address[0]!s}:{server.server_port}/{folder.name}"
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def source_archive(project: str, file: str) -> bytes:
    """A source distribution as its makers published it, from the index that pip uses, checked by the index's sha256.

    Not by `pip download`: that would build it.
    """
    page = f"{_index()}/{project}/"
    listed = html.unescape(_read(page).decode())
    found = re.search(rf'href="([^"#]*{re.escape(file)})#sha256=([0-9a-f]{{64}})"', listed)
    assert found, f"{_host(page)} has no {file}"
    content = _read(urljoin(page, found[1]))
    assert hashlib.sha256(content).hexdigest() == found[2]
    return content


def with_files(archive: bytes, added: Mapping[str, bytes]) -> bytes:
    """A gzipped tar archive with more files in it."""
    written = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=written, mode="w:gz") as new:
        for member in old:
            new.addfile(member, old.extractfile(member) if member.isreg() else None)
        for name, content in added.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))
    return written.getvalue()


def _index() -> str:
    argv = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    given = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    return (given or "https://pypi.org/simple").rstrip("/")


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        content: bytes = answer.read()
    return content


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
