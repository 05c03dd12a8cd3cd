"""Menus and hints that would open beyond the screen: Tk reads the screen's size once, when a program starts."""

from __future__ import annotations

from Xlib import X
from Xlib.display import Display
from Xlib.error import BadDrawable, BadWindow
from Xlib.protocol.rq import Event
from Xlib.xobject.drawable import Window

from .fit import Box, beside

LEAST = 8  # pixels: less is nothing to be read
GONE = (BadWindow, BadDrawable)


class Popups:
    """All windows that the window manager does not care for."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._root = display.screen().root

    def hear(self, event: Event) -> None:
        """Put a window back onto the screen when it opens."""
        if event.type == X.MapNotify and event.override and event.event == self._root:
            try:
                self._place(event.window.id)
            except GONE:
                return

    def settle(self) -> None:
        """Nothing waits."""

    def _place(self, number: int) -> None:
        window = self._display.create_resource_object("window", number)
        size, whole, pointer = window.get_geometry(), self._root.get_geometry(), self._root.query_pointer()
        screen, now = Box(0, 0, whole.width, whole.height), Box(size.x, size.y, size.width, size.height)
        wanted = beside(now, (pointer.root_x, pointer.root_y), screen)
        if wanted != now and min(size.width, size.height) >= LEAST and not self._is_frame(window):
            window.configure(x=wanted.x, y=wanted.y)

    def _is_frame(self, window: Window) -> bool:
        listed = self._root.get_full_property(self._display.get_atom("_NET_CLIENT_LIST"), X.AnyPropertyType)
        clients = set(listed.value) if listed else set()
        nodes = [window]
        while nodes:
            nodes = [child for node in nodes for child in node.query_tree().children]
            if any(child.id in clients for child in nodes):
                return True
        return False
