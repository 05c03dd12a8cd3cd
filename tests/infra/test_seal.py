"""The gate of uninstall on the real machine: what is in the way is named, nothing is stopped, and later it passes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cloudify_scipion.lifecycle.layout import TARGET
from tests.infra.saved import SPACE, Saved, saved_project, stranger
from tests.installation import Installation, kill_when

pytestmark = pytest.mark.machine

NAME = "sealed-2d"
STUBBORN = f"""
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open("{TARGET}/growing", "ab", buffering=0) as growing:
    while True:
        growing.write(b"x" * 100)
        time.sleep(0.05)
"""
ROOT_HOLDS = f"exec 9>> {TARGET}/held-by-root; sleep 600"
COMMANDS = ("cloudify-scipion save", "cloudify-scipion repair", "cloudify-scipion rescue", "cloudify-scipion discard")


@pytest.fixture(scope="module")
def sealed(warm: Installation) -> Iterator[Saved]:
    with saved_project(warm, NAME) as project:
        warm.install(NAME)
        project.user("echo results > result")
        yield project


def assert_refused(project: Saved, why: str) -> None:
    said = project.installation.uninstall(NAME, code=None)
    assert "so nothing was stopped" in said and why in said
    for command in COMMANDS:
        assert f"{command} {NAME}" in said
    assert f"cfy uninstall -b {NAME} -p ignore_failure=true" in said
    assert not project.installation.record(NAME).seal
    project.assert_usable()


def test_a_strangers_lease_is_in_the_way(sealed: Saved) -> None:
    lease = stranger(sealed)
    assert_refused(sealed, "deployment another-deployment")
    lease.unlink()
    sealed.push()
    assert (sealed.space / "result").read_text() == "results\n"


def test_a_read_only_data_space_is_in_the_way(sealed: Saved) -> None:
    sealed.run("mount", "-o", "remount,bind,ro", SPACE)
    assert_refused(sealed, "is read-only")
    sealed.run("mount", "-o", "remount,bind,rw", SPACE)


def test_a_file_that_root_has_open_is_in_the_way(sealed: Saved) -> None:
    """All writers have ended by then: everything is started again."""
    sealed.run("systemd-run", "--quiet", "--unit=holder", "sh", "-c", ROOT_HOLDS)
    assert_refused(sealed, "held-by-root")
    sealed.run("systemctl", "stop", "holder.service")
    sealed.user("echo later > later")
    sealed.push()
    assert (sealed.space / "later").read_text() == "later\n"


def test_killed_while_it_seals_and_run_again(sealed: Saved) -> None:
    """The last of this file. The user has a process that writes on and does not listen."""
    warm, record = sealed.installation, sealed.installation.record(NAME)
    sealed.run("systemd-run", "--quiet", "--unit=stubborn", "--property=User=scipion", "python3", "-c", STUBBORN)
    sealed.run("timeout", "20", "sh", "-c", f"until [ -s {TARGET}/growing ]; do sleep 0.1; done")
    kill_when(warm.start("cfy", "uninstall", "-b", NAME), ["seal: started"])
    assert sealed.run("systemctl", "is-active", "stubborn.service", expect=range(8)).stdout.strip() != "active"
    written = sealed.run("cat", f"{TARGET}/growing").stdout
    log = warm.uninstall(NAME)
    assert "SEALED: all" in log
    assert not warm.services().of(record).volumes.look(record.volume).exists and warm.host.traces(record.machine) == []
    assert sealed.leases == []
    assert (sealed.space / "growing").read_text() == written
    assert (sealed.space / "result").read_text() == "results\n"
