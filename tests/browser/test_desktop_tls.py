"""Desktops over TLS: a certificate made for the project, then one that the site gives."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.browser.certificate import fingerprint, presented, self_signed
from tests.browser.desktop_browser import browser, open_desktop
from tests.browser.test_bad_ways import PACE
from tests.installation import SITE, Installation, remove, write_project
from tests.unit.desktop.test_room import HELLO

pytestmark = pytest.mark.machine

NAME = "tls"
MANY = 300


@pytest.fixture(scope="module")
def tls(warm: Installation) -> Iterator[Installation]:
    path = write_project(
        warm.folder / "projects", id=NAME, workflow={"run": False}, volume={"size_gb": 1, "at_end": "hold"}
    )
    warm.render(path, site_with(warm, {"tls": "self-signed"}))
    warm.install(NAME)
    yield warm
    remove(warm, NAME)


def site_with(warm: Installation, desktop: dict[str, str]) -> Path:
    site = warm.folder / "tls-site.yaml"
    site.write_text(yaml.safe_dump({**yaml.safe_load(SITE.read_text()), "desktop": desktop}))
    return site


def test_a_self_made_certificate_and_its_fingerprint(tls: Installation) -> None:
    record = tls.record(NAME)
    outputs = tls.run("cfy", "deployments", "outputs", "-b", NAME)
    shown = presented(record.ports["desktop"])
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", shown) and shown in outputs
    assert f"https://127.0.0.1:{record.ports['desktop']}" in outputs
    key = tls.shell(NAME).run(["stat", "-c", "%a %U", "/etc/cloudify-desktop/tls/key.pem"]).stdout
    assert key.strip() == "600 cloudify-desktop"
    with browser(insecure=True) as driver:
        open_desktop(driver, json.loads(tls.run("cloudify-scipion", "open", NAME, "--json"))["url"])


def test_handshakes_that_nobody_ends_leave_room(tls: Installation) -> None:
    port = tls.record(NAME).ports["desktop"]
    with contextlib.ExitStack() as held:
        for number in range(MANY):
            sock = held.enter_context(socket.create_connection(("127.0.0.1", port)))
            sock.sendall(HELLO if number % 2 else b"")
            time.sleep(PACE)
        with browser(insecure=True) as driver:
            open_desktop(driver, json.loads(tls.run("cloudify-scipion", "open", NAME, "--json"))["url"])


def test_a_given_certificate_is_used_and_its_key_is_seen_nowhere(tls: Installation) -> None:
    certificate, key = self_signed(tls.folder)
    for name, path in (("tls-certificate", certificate), ("tls-key", key)):
        secret = tls.root / "secrets" / name
        secret.parent.mkdir(mode=0o700, exist_ok=True)
        secret.write_bytes(path.read_bytes())
        secret.chmod(0o600)
    site = site_with(tls, {"tls": "given", "tls_certificate": "tls-certificate", "tls_key": "tls-key"})
    tls.render(tls.folder / f"projects/{NAME}.json", site)
    log = tls.install(NAME)
    assert presented(tls.record(NAME).ports["desktop"]) == fingerprint(certificate.read_text())
    line = key.read_text().splitlines()[1]
    assert line not in log
    seen = [path for place in (tls.folder / ".cloudify", tls.root / "projects") for path in place.rglob("*")]
    assert not [path for path in seen if path.is_file() and line.encode() in path.read_bytes()]
