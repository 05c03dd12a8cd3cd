"""What is on the desktop's own screen, asked on the machine; and programs there that take what is typed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.browser.target import DISPLAY, Desktop
from tests.installation import wait_until

SETTINGS = (*DISPLAY, "LANG=C.UTF-8", "HOME=/home/scipion")
UNIT, TYPED = "test-program", "/tmp/typed-in-a-test"
_WINDOWS = """
import json, sys
from Xlib.display import Display
from Xlib.error import BadDrawable, BadWindow
display = Display()
root = display.screen().root
def values(window, name):
    found = window.get_full_property(display.intern_atom(name), 0)
    return list(found.value) if found else []
def name(window):
    return window.get_full_text_property(display.intern_atom("_NET_WM_NAME")) or window.get_wm_name() or ""
def box(window):
    left, right, top, bottom = values(window, "_NET_FRAME_EXTENTS") or [0] * 4
    size, place = window.get_geometry(), window.translate_coords(root, 0, 0)
    return [-place.x - left, -place.y - top, size.width + left + right, size.height + top + bottom]
windows = [display.create_resource_object("window", id) for id in values(root, "_NET_CLIENT_LIST")]
def seen():
    for window in windows:
        try:
            yield name(window), box(window)
        except (BadDrawable, BadWindow):  # it has closed meanwhile
            pass
"""
LOOK = f"""{_WINDOWS}
whole, pointer = root.get_geometry(), root.query_pointer()
print(json.dumps({{
    "size": [whole.width, whole.height], "area": values(root, "_NET_WORKAREA")[:4],
    "pointer": [pointer.root_x, pointer.root_y],
    "windows": dict(seen()),
}}))
"""
CLOSE = f"""{_WINDOWS}
from Xlib.protocol.event import ClientMessage
for window in [window for window in windows if sys.argv[1] in name(window)]:
    kind = display.intern_atom("_NET_CLOSE_WINDOW")
    root.send_event(ClientMessage(window=window, client_type=kind, data=(32, [0] * 5)), event_mask=0x180000)
display.sync()
"""
ENTRY = """
import sys, tkinter
from pathlib import Path
root = tkinter.Tk()
root.title("entry")
text = tkinter.StringVar()
text.trace_add("write", lambda *_: Path(sys.argv[1]).write_text(text.get()))
entry = tkinter.Entry(root, textvariable=text, width=60)
entry.pack()
entry.focus_force()
root.mainloop()
"""
"""A Tk entry that keeps what it holds in a file."""


@dataclass(frozen=True)
class Screen:
    """In pixels. A box is left, top, width, height, with the window's frame."""

    size: list[int]
    area: list[int]
    pointer: list[int]
    windows: dict[str, list[int]]

    def box(self, part: str) -> list[int]:
        """Of the window whose title holds `part`."""
        return next(box for title, box in self.windows.items() if part in title)

    def seen(self, part: str) -> bool:
        """Whether all of this window is within the screen, and not below the task bar."""
        x, y, width, height = self.box(part)
        left, top, across, down = self.area
        return x >= left and y >= top and x + width <= left + across and y + height <= top + down


def as_user(desktop: Desktop, *words: str) -> str:
    """Run a command as the desktop's user on its display."""
    return desktop.run(["runuser", "-u", "scipion", "--", "env", *SETTINGS, *words])


def look(desktop: Desktop) -> Screen:
    """The screen as it is now."""
    return Screen(**json.loads(as_user(desktop, "python3", "-c", LOOK)))


def close(desktop: Desktop, part: str) -> None:
    """Close the windows whose titles hold `part`, as a click on their corner does, and wait until they are gone."""
    as_user(desktop, "python3", "-c", CLOSE, part)
    wait_until(lambda: not any(part in title for title in look(desktop).windows), 60)


def open_project(desktop: Desktop, project: str) -> None:
    """What the menu's *Scipion project* does: opens the window, or brings it to the front."""
    command = "/usr/local/share/cloudify-desktop/bin/scipion"
    as_user(desktop, f"SCIPION_PROJECT={project}", "PROJECT_FOLDER=ScipionUserData", command)


@contextmanager
def program(desktop: Desktop, words: Sequence[str], title: str = "") -> Iterator[None]:
    """A program on the desktop until the block ends; of one with a `title`, the window is waited for."""
    settings = [f"--setenv={setting}" for setting in SETTINGS]
    desktop.run(["systemd-run", "-q", "--collect", f"--unit={UNIT}", "--uid=scipion", *settings, *words])
    try:
        if title:
            wait_until(lambda: any(title in name for name in look(desktop).windows), 20)
        yield
    finally:
        desktop.run(["systemctl", "stop", UNIT])


@contextmanager
def terminal(desktop: Desktop, raw: bool = False) -> Iterator[None]:
    """An xterm that has the keyboard and keeps what is typed into it: lines, or each byte if `raw`."""
    wait_until(desktop.has_opened, 120)  # also when an earlier test has started the desktop again
    keys = "stty -icanon -echo -ixon; " if raw else ""
    inner = f"{keys}printf '\\033]0;typed\\007'; exec cat >> {TYPED}"
    with _kept(desktop), program(desktop, ["xterm", "-geometry", "60x12+300+300", "-e", "sh", "-c", inner], "typed"):
        yield


@contextmanager
def entry(desktop: Desktop) -> Iterator[None]:
    """A Tk entry that keeps what it holds."""
    with _kept(desktop), program(desktop, ["python3", "-c", ENTRY, TYPED], "entry"):
        yield


def typed(desktop: Desktop) -> str:
    """What the terminal or the entry was given."""
    return desktop.run(["cat", TYPED])


@contextmanager
def _kept(desktop: Desktop) -> Iterator[None]:
    desktop.run(["install", "-o", "scipion", "/dev/null", TYPED])
    try:
        yield
    finally:
        desktop.run(["rm", "-f", TYPED])
