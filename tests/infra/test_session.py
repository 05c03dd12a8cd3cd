"""Whatever of the desktop's session dies, a picture and Scipion's window are there again; computations go on."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import pytest

from tests.browser.screen import as_user, close, open_project
from tests.conftest import Demo
from tests.installation import wait_until

pytestmark = pytest.mark.machine

ALL = ("vnc", "session", "helper", "gateway")
COMPUTATION = """
for line in $(cat /proc/$1/cgroup); do
    case $line in *cloudify-desktop-session*)
        for root in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
            [ ! -w $root${line##*:}/cgroup.procs ] || echo $$ > $root${line##*:}/cgroup.procs
        done
    esac
done
grep -q cloudify-desktop-session /proc/$$/cgroup || exit 1
setsid sleep 1234 </dev/null >/dev/null 2>&1 &
echo $!
"""
"""Starts a process among those of the session."""


@pytest.fixture
def computation(demo: Demo) -> Iterator[str]:
    pid = demo.run(["bash", "-c", COMPUTATION, "start", main(demo, "session")]).strip()
    yield pid
    demo.run(["kill", "-9", pid])


def main(demo: Demo, part: str) -> str:
    return demo.run(["systemctl", "show", "--property=MainPID", "--value", f"cloudify-desktop-{part}"]).strip()


def kill(demo: Demo, signal: str, *parts: str) -> None:
    """Whatever of them runs just now."""
    units = " ".join(f"cloudify-desktop-{part}" for part in parts)
    pids = f"$(systemctl show --property=MainPID --value {units} | grep -v '^0*$')"
    demo.run(["sh", "-c", f"kill -{signal} {pids} 2>/dev/null || true"])


def well(demo: Demo, before: dict[str, str]) -> bool:
    """All parts run, and those in `before` anew; browsers get a picture, and Scipion's window is in it."""
    now = {part: main(demo, part) for part in ALL}
    if "0" in now.values() or any(now[part] == pid for part, pid in before.items()):
        return False
    try:
        with urllib.request.urlopen(f"{demo.url}health", timeout=5) as answer:
            return json.load(answer)["desktop"] == "up" and demo.has_opened()
    except OSError:  # also where the gateway dies in the middle of its answer
        return False


@pytest.mark.parametrize(("signal", "parts"), [("KILL", ["vnc"]), ("KILL", ["session"]), ("TERM", list(ALL))])
def test_what_is_killed_comes_back(demo: Demo, computation: str, signal: str, parts: list[str]) -> None:
    wait_until(lambda: well(demo, {}), 60)
    before = {part: main(demo, part) for part in parts}
    kill(demo, signal, *parts)
    wait_until(lambda: well(demo, before), 60)
    demo.run(["kill", "-0", computation])


def test_what_dies_again_and_again_comes_back(demo: Demo) -> None:
    before = {part: main(demo, part) for part in ALL}
    for _ in range(6):  # systemd forgives five within ten seconds, if nobody says otherwise
        wait_until(lambda: main(demo, "vnc") != "0", 30)
        kill(demo, "KILL", "vnc", "session", "gateway")
    wait_until(lambda: well(demo, {part: pid for part, pid in before.items() if part != "helper"}), 60)


def test_a_window_that_was_closed_stays_closed_and_opens_from_the_menu(demo: Demo) -> None:
    wait_until(lambda: well(demo, {}), 60)
    close(demo, f"{demo.project} (")
    before = {"session": main(demo, "session")}
    try:
        kill(demo, "KILL", "session")
        wait_until(lambda: main(demo, "session") not in ("0", *before.values()), 30)
        wait_until(lambda: "icewm" in as_user(demo, "sh", "-c", "pgrep -l icewm || true"))
        assert demo.run(["sh", "-c", "pgrep -fc '[s]cipion project' || true"]).strip() == "0"
    finally:
        open_project(demo, demo.project)
    wait_until(demo.has_opened, 60)
