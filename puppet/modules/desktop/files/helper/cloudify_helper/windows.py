"""The X server's side of `fit`: looks at windows when they open or change their size, and when the screen does.

Scipion's forms ask for a size that follows from their contents and for a place of their own, and the window manager
gives them what they ask for: their last button was below the screen's edge. A window that a person drags is left alone.
"""

from __future__ import annotations

from typing import cast

from Xlib import X
from Xlib.display import Display
from Xlib.error import BadDrawable, BadWindow
from Xlib.protocol.event import ClientMessage
from Xlib.protocol.rq import Event
from Xlib.xobject.drawable import Window

from .fit import Box, fit

BUTTONS = X.Button1Mask | X.Button2Mask | X.Button3Mask
SOON = 0.1  # seconds
GONE = (BadWindow, BadDrawable)
NORTH_WEST, WITH_BOX, BY_PAGER = 1, 0xF << 8, 2  # of the window manager's protocol (EWMH)


class Windows:
    """All windows of the window manager."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._root = display.screen().root
        self._root.change_attributes(event_mask=X.PropertyChangeMask)
        self._sizes: dict[int, tuple[int, int]] = {}
        self._todo: set[int] = set()
        self._list()

    def hear(self, event: Event) -> None:
        """Take a note of a window that has to be looked at."""
        if event.type == X.PropertyNotify and event.atom == self._atom("_NET_CLIENT_LIST"):
            self._list()
        elif event.type == X.PropertyNotify and event.atom == self._atom("_NET_WORKAREA"):
            self._todo |= self._sizes.keys()
        elif event.type == X.MapNotify and event.window.id in self._sizes:
            self._todo.add(event.window.id)
        elif event.type == X.ConfigureNotify and event.window.id in self._sizes:
            size = (event.width, event.height)
            if self._sizes[event.window.id] != size:
                self._sizes[event.window.id] = size
                self._todo.add(event.window.id)

    def settle(self) -> float | None:
        """Put right what has to be; after how many seconds to ask again if nothing happens."""
        if self._todo and self._root.query_pointer().mask & BUTTONS:  # a person has it in hand
            return SOON
        todo, self._todo = self._todo, set()
        for window in todo:
            try:
                self._settle(self._display.create_resource_object("window", window))
            except GONE:
                self._sizes.pop(window, None)
        return None

    def _settle(self, window: Window) -> None:
        states = set(self._property(window, "_NET_WM_STATE"))
        if states & self._states("FULLSCREEN", "HIDDEN"):
            return
        area, (left, right, top, bottom) = self._area(), self._property(window, "_NET_FRAME_EXTENTS") or (0, 0, 0, 0)
        size, corner = window.get_geometry(), window.translate_coords(self._root, 0, 0)
        inner = Box(-corner.x, -corner.y, size.width, size.height)
        maximized = self._states("MAXIMIZED_VERT", "MAXIMIZED_HORZ")
        if states >= maximized:  # its frame is outside on purpose
            if fit(inner, area) != inner:
                for change in (0, 1):  # away, and on again
                    self._tell(window, "_NET_WM_STATE", [change, *maximized, BY_PAGER])
            return
        across, down = left + right, top + bottom
        hints = window.get_wm_normal_hints()
        least = (hints.min_width + across, hints.min_height + down) if hints else (1, 1)
        now = Box(inner.x - left, inner.y - top, inner.width + across, inner.height + down)
        wanted = fit(now, area, least)
        if wanted != now:
            box = [wanted.x, wanted.y, wanted.width - across, wanted.height - down]
            self._tell(window, "_NET_MOVERESIZE_WINDOW", [NORTH_WEST | WITH_BOX | BY_PAGER << 12, *box])

    def _list(self) -> None:
        listed = self._property(self._root, "_NET_CLIENT_LIST")
        for window in set(listed) - self._sizes.keys():
            self._sizes[window] = (0, 0)
            self._todo.add(window)
            self._display.create_resource_object("window", window).change_attributes(event_mask=X.StructureNotifyMask)
        self._sizes = {window: size for window, size in self._sizes.items() if window in listed}
        self._todo &= self._sizes.keys()

    def _area(self) -> Box:
        area = self._property(self._root, "_NET_WORKAREA")
        whole = self._root.get_geometry()
        return Box(*area[:4]) if len(area) >= 4 else Box(0, 0, whole.width, whole.height)

    def _property(self, window: Window, name: str) -> list[int]:
        found = window.get_full_property(self._atom(name), X.AnyPropertyType)
        return list(found.value) if found else []

    def _tell(self, window: Window, name: str, data: list[int]) -> None:
        data = [*data, *[0] * (5 - len(data))]
        event = ClientMessage(window=window, client_type=self._atom(name), data=(32, data))
        self._root.send_event(event, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)

    def _states(self, *names: str) -> set[int]:
        return {self._atom(f"_NET_WM_STATE_{name}") for name in names}

    def _atom(self, name: str) -> int:
        return cast(int, self._display.get_atom(name))
