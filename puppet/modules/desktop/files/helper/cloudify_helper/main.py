"""Runs beside the session for as long as the X server does: python3 -m cloudify_helper.main"""

from __future__ import annotations

import contextlib
import select

from Xlib import X
from Xlib.display import Display
from Xlib.error import ConnectionClosedError

from .keyboard import Keyboard
from .popups import Popups
from .windows import Windows

EVENTS = X.PropertyChangeMask | X.StructureNotifyMask | X.SubstructureNotifyMask


def main() -> None:
    """Serve the display until it goes."""
    display = Display()
    display.set_error_handler(lambda error, request: None)  # a window that is gone by now
    display.screen().root.change_attributes(event_mask=EVENTS)
    helpers = (Keyboard(display), Windows(display), Popups(display))
    while True:
        while display.pending_events():
            event = display.next_event()
            for helper in helpers:
                helper.hear(event)
        waits = [wait for helper in helpers if (wait := helper.settle()) is not None]
        display.flush()
        if not display.pending_events():
            select.select([display], [], [], min(waits, default=None))


if __name__ == "__main__":
    with contextlib.suppress(ConnectionClosedError):  # the next server gets a helper of its own
        main()
