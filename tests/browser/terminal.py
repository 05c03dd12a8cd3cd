"""A terminal on the desktop that keeps what is typed into it, and other programs of the desktop's user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.browser.target import DISPLAY, Desktop
from tests.installation import wait_until

UNIT, TYPED = "test-of-the-desktop", "/tmp/typed-in-a-test"
KEEP = f"stty -icanon -echo -ixon; touch {TYPED} {TYPED}.ready; exec cat >> {TYPED}"


@contextmanager
def shown(desktop: Desktop, *argv: str, unit: str = UNIT) -> Iterator[None]:
    """A program of the desktop's user on its screen."""
    place = [f"--setenv={setting}" for setting in DISPLAY]
    desktop.run(["systemd-run", "--quiet", "--collect", f"--unit={unit}", "--uid=scipion", *place, *argv])
    try:
        yield
    finally:
        desktop.run(["systemctl", "stop", unit])


@contextmanager
def terminal(desktop: Desktop, *options: str) -> Iterator[None]:
    """A terminal that has the keyboard; it shows nothing, and keeps every byte."""
    wait_until(desktop.has_opened, 120)  # also when an earlier test has started the desktop again
    try:
        with shown(desktop, "xterm", "-geometry", "60x12+300+300", *options, "-e", "sh", "-c", KEEP):
            desktop.run(["sh", "-c", f"until test -e {TYPED}.ready; do sleep 0.05; done"])
            yield
    finally:
        desktop.run(["rm", "-f", TYPED, f"{TYPED}.ready"])


def typed(desktop: Desktop) -> str:
    """What the terminal was given."""
    return desktop.run(["cat", TYPED])


def on_the_screen(desktop: Desktop, argv: Sequence[str]) -> str:
    """What a program of the desktop's user says that has the screen before it."""
    return desktop.run(["runuser", "-u", "scipion", "--", "env", *DISPLAY, *argv])
