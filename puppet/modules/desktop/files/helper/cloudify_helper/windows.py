"""The X server's side of `fit`: looks at windows when they open or change their size, and when the screen does.

Scipion's forms ask for a size that follows from their contents and for a place of their own, and the window manager
gives them what they ask for: their last button was below the screen's edge. A window that a person drags is left alone.

When the screen changes, the window manager puts all windows into its corner, and tells them nothing: menus would open
where a window was. So they go back to where they were, and are told where they are.
"""

from __future__ import annotations

import time

from Xlib import X
from Xlib.display import Display
from Xlib.error import BadDrawable, BadWindow
from Xlib.protocol.event import ClientMessage, ConfigureNotify
from Xlib.protocol.rq import Event
from Xlib.xobject.drawable import Window

from .fit import Box, fit

BUTTONS = X.Button1Mask | X.Button2Mask | X.Button3Mask
SOON = 0.1  # seconds
AFTER_CHANGE = 0.4  # seconds until the window manager has done what it does when the screen changes
GONE = (BadWindow, BadDrawable)
NORTH_WEST, WITH_BOX, BY_PAGER = 1, 0xF << 8, 2  # of the window manager's protocol (EWMH)


class Windows:
    """All windows of the window manager."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._root = display.screen().root
        self._sizes: dict[int, tuple[int, int]] = {}
        self._places: dict[int, tuple[int, int]] = {}  # of the windows without their frames
        self._todo: set[int] = set()
        self._changed = 0.0  # when the screen did; 0: all has been done
        self._list()

    def hear(self, event: Event) -> None:
        """Take a note of a window that has to be looked at."""
        if event.type == X.PropertyNotify and event.atom == self._atom("_NET_CLIENT_LIST"):
            self._list()
        elif event.type == X.PropertyNotify and event.atom == self._atom("_NET_WORKAREA"):
            self._todo |= self._sizes.keys()
        elif event.type == X.MapNotify and event.window.id in self._sizes:
            self._todo.add(event.window.id)
        elif event.type == X.ConfigureNotify:
            self._configured(event)

    def settle(self) -> float | None:
        """Put right what has to be; after how many seconds to ask again if nothing happens."""
        if self._changed and (wait := self._changed + AFTER_CHANGE - time.monotonic()) > 0:
            return wait
        if self._todo and self._root.query_pointer().mask & BUTTONS:  # a person has it in hand
            return SOON
        todo, self._todo = self._todo, set()
        for window in todo:
            try:
                self._settle(self._display.create_resource_object("window", window))
            except GONE:
                self._sizes.pop(window, None)
        self._changed = 0.0
        return None

    def _configured(self, event: Event) -> None:
        window, size = event.window.id, (event.width, event.height)
        if window == self._root.id:
            self._changed = time.monotonic()
            self._todo |= self._sizes.keys()
        if window not in self._sizes:
            return
        if event.send_event and not self._changed:  # the window manager's own: in the screen's coordinates
            self._places[window] = (event.x, event.y)
        if self._sizes[window] != size:
            self._sizes[window] = size
            self._todo.add(window)

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
        x, y = self._places.get(window.id, (inner.x, inner.y)) if self._changed else (inner.x, inner.y)
        across, down = left + right, top + bottom
        hints = window.get_wm_normal_hints()
        least = (hints.min_width + across, hints.min_height + down) if hints else (1, 1)
        now = Box(inner.x - left, inner.y - top, inner.width + across, inner.height + down)
        wanted = fit(Box(x - left, y - top, now.width, now.height), area, least)
        self._places[window.id] = (wanted.x + left, wanted.y + top)
        if wanted != now:
            box = [wanted.x, wanted.y, wanted.width - across, wanted.height - down]
            self._tell(window, "_NET_MOVERESIZE_WINDOW", [NORTH_WEST | WITH_BOX | BY_PAGER << 12, *box])
        elif self._changed:
            self._say_place(window, inner)

    def _say_place(self, window: Window, inner: Box) -> None:
        place = ConfigureNotify(
            event=window, window=window, above_sibling=0, override=0, border_width=0,
            x=inner.x, y=inner.y, width=inner.width, height=inner.height,
        )  # fmt: skip
        window.send_event(place)

    def _list(self) -> None:
        listed = self._property(self._root, "_NET_CLIENT_LIST")
        for window in set(listed) - self._sizes.keys():
            self._sizes[window] = (0, 0)
            self._todo.add(window)
            self._display.create_resource_object("window", window).change_attributes(event_mask=X.StructureNotifyMask)
        self._sizes = {window: size for window, size in self._sizes.items() if window in listed}
        self._places = {window: place for window, place in self._places.items() if window in listed}
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
        atom: int = self._display.get_atom(name)
        return atom
