"""The desktop: the project run, certificates, links, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.desktop import (
    Link,
    desktop_problem,
    desktop_url,
    open_link,
    revoke_links,
    stop_desktop,
    who_is_connected,
)
from cloudify_scipion.lifecycle.layout import DESKTOP_UNITS
from cloudify_scipion.lifecycle.record import Binding, MachineState, Record
from tests.fakes.deployment import INSTALL, UNSAVED, Deployment
from tests.fakes.host import with_provider
from tests.fakes.world import World

SITE = {"name": "here", "provider": "local", "allow_discard": True}
KEY = "-----BEGIN PRIVATE KEY-----\nsecret\n"


def with_site(world: World, **desktop: str) -> Deployment:
    return Deployment(world, {"site": {**SITE, "desktop": desktop}})


def project_run(world: World) -> dict[str, Any]:
    (run,) = [run for run in world.puppet.runs if run.run == "project"]
    assert "desktop" in run.classes
    return dict(run.data)


def test_plain_http_on_loopback(world: World) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGSUfDzqhzSxl1m1XLqJt1zLPTZvkZk3vDWy6a2WkV5o a@b"
    demo = Deployment(world, {"desktop_geometry": "1280x800", "owner": {"ssh_keys": [key]}})
    demo.install()
    record = world.record()
    assert demo.runtime["desktop"] == {"url": f"http://127.0.0.1:{record.ports['desktop']}", "tls_fingerprint": ""}
    data, title = project_run(world), "Relion 2D classification of demo particles"
    assert data["system::identity"] == {"project_id": "relion-2d", "title": title, "ssh_keys": [key]}
    assert (data["desktop::page_title"], data["desktop::geometry"]) == (title, "1280x800")
    assert (data["desktop::tls"], data["desktop::scipion_project"]) == (False, "relion-2d")


def test_the_end_of_the_time_is_told_and_a_changed_limit_too(world: World) -> None:
    demo = Deployment(world)
    demo.install()
    assert project_run(world)["desktop::ends_at"] == world.record().expires
    world.clock.sleep(86400.0)
    demo.install()
    again = [run for run in world.puppet.runs if run.run == "project"]
    assert all(run.data == again[0].data for run in again), "a run that is known stays so"
    longer = Deployment(world, {"time_limit_days": 20})
    longer.install()
    ends = world.puppet.runs[-1].data["desktop::ends_at"]
    assert ends == world.record().expires > again[0].data["desktop::ends_at"]


def test_a_certificate_made_on_the_machine(world: World) -> None:
    demo = with_site(world, tls="self-signed")
    demo.install()
    assert demo.runtime["desktop"]["tls_fingerprint"] == "AB:CD" == world.record().tls_fingerprint
    assert demo.runtime["desktop"]["url"].startswith("https://")
    assert project_run(world)["desktop::tls"] is True
    assert world.secrets.asked == []


def test_a_desktop_that_others_reach_has_tls_unless_the_site_says_none(world: World) -> None:
    services = with_provider(world.services(), private=False)
    record = Record("p", Binding("i", "t", "d"), ports={"desktop": 6080}, settings={"site": SITE})
    assert desktop_url(services, record) == "https://127.0.0.1:6080"
    assert desktop_url(world.services(), record) == "http://127.0.0.1:6080"
    for tls, scheme in (("none", "http"), ("self-signed", "https")):
        asked = record.asking("site", {**SITE, "desktop": {"tls": tls}})
        assert [desktop_url(one, asked).partition(":")[0] for one in (services, world.services())] == [scheme] * 2


def test_a_given_certificate_travels_by_standard_input_alone(world: World) -> None:
    demo = with_site(world, tls="given", tls_certificate="desk.crt", tls_key="desk.key")
    world.secrets.values = {"desk.crt": "CERT", "desk.key": KEY}
    demo.run(INSTALL[:-1])
    record = world.record()
    assert world.secrets.asked == ["desk.crt", "desk.key"]
    disk = world.host.machines[record.machine]
    assert disk.files["/etc/cloudify-desktop/tls/key.pem"] == KEY.encode()
    assert disk.files["/etc/cloudify-desktop/tls/cert.pem"] == b"CERT"
    sent = [(words, data) for words, data in world.sent if data in (KEY.encode(), b"CERT")]
    assert all(words[:6] == ("install", "-m", "0600", "-o", "cloudify-desktop", "/dev/stdin") for words, _ in sent)
    folders = [words for words, _ in world.sent if words[:2] == ("install", "-d") and "cloudify-desktop" in words]
    assert folders[0][2:6] == ("-m", "0750", "-g", "cloudify-desktop")
    elsewhere = [str(run.data) for run in world.puppet.runs]
    elsewhere += [str(words) for words, _ in world.sent] + world.progress.lines + demo.log
    elsewhere += [str(demo.runtime), str(record), *(p.read_text() for p in world.root.glob("projects/*/*.json"))]
    assert not [text for text in elsewhere if "PRIVATE KEY" in text or "secret\n" in text or "CERT" in text]


def test_a_missing_secret_is_named(world: World) -> None:
    demo = with_site(world, tls="given", tls_certificate="desk.crt", tls_key="desk.key")
    with pytest.raises(NonRecoverableError, match="secret 'desk.crt' is not known"):
        demo.run(INSTALL[:-1])
    assert not [run for run in world.puppet.runs if run.run == "project"]
    assert (
        world.record().machine_state == MachineState.PERSONAL
    )  # no layer is ever taken from a machine that may have got a key
    assert world.record().machine_state == MachineState.PERSONAL


def test_a_desktop_that_never_answers(demo: Deployment) -> None:
    demo.run(INSTALL[:-1])
    demo.world.mute = True
    began = demo.world.clock.seconds
    with pytest.raises(NonRecoverableError) as caught:
        demo.operation("desktop", "start")
    assert "the desktop does not answer at http://127.0.0.1:" in str(caught.value)
    assert "journalctl -u cloudify-desktop-gateway" in str(caught.value)
    assert 120 <= demo.world.clock.seconds - began <= 200


def test_links(demo: Deployment) -> None:
    demo.install()
    world = demo.world
    port = world.record().ports["desktop"]
    link = open_link(world.services(), world.record(), 60)
    assert link == Link(f"http://127.0.0.1:{port}/#token=t0ken", world.clock.seconds + 60, "link0")
    assert world.sent[-1][0] == ("/usr/local/sbin/cloudify-desktop-link", "--valid", "60")
    open_link(world.services(), world.record(), 60)
    assert revoke_links(world.services(), world.record()) == 2


def test_links_that_only_look_are_ended_by_themselves(demo: Deployment) -> None:
    demo.install()
    services, record = demo.world.services(), demo.world.record()
    open_link(services, record, 60)
    looks, other = (open_link(services, record, 60, view_only=True) for _ in range(2))
    there = [(visitor.id, visitor.view_only) for visitor in who_is_connected(services, record)]
    assert there == [("link0", False), (looks.id, True), (other.id, True)]
    assert revoke_links(services, record, id=looks.id) == 1
    assert revoke_links(services, record, view_only=True) == 1
    assert [visitor.id for visitor in who_is_connected(services, record)] == ["link0"]


def test_no_links_without_a_machine(world: World) -> None:
    demo = Deployment(world, UNSAVED)
    demo.install()
    demo.uninstall()
    with pytest.raises(PermanentError, match="has no machine"):
        open_link(world.services(), world.record(), 60)


def test_problems(demo: Deployment) -> None:
    demo.install()
    world, record = demo.world, demo.world.record()
    assert desktop_problem(world.services(), record) == ""
    units = world.host.machines[record.machine].units
    del units[DESKTOP_UNITS[1]]
    assert desktop_problem(world.services(), record) == f"not running: {DESKTOP_UNITS[1]}"
    units.clear()
    assert "does not answer at http://127.0.0.1" in desktop_problem(world.services(), record)


def test_stopping_ends_the_sessions(demo: Deployment) -> None:
    demo.install()
    world, record = demo.world, demo.world.record()
    stop_desktop(world.services(), record)
    assert not set(DESKTOP_UNITS) & set(world.host.machines[record.machine].units)


def test_stopping_a_machine_that_cannot_be_reached_is_no_obstacle(demo: Deployment) -> None:
    demo.install()
    world, record = demo.world, demo.world.record()
    world.host.cut_network(record.machine)
    stop_desktop(world.services(), record)
    assert "could not end the sessions cleanly, the machine stops anyway" in world.progress.lines[-1]
    world.host.reboot()
    before = list(world.progress.lines)
    stop_desktop(world.services(), record)
    assert world.progress.lines == before
