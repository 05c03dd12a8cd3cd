"""The X server's side of `codes`."""

from __future__ import annotations

import struct
import time
from itertools import groupby

from Xlib import X
from Xlib.display import Display
from Xlib.ext import ge, xinput
from Xlib.protocol.rq import Event

from .codes import SPARE, Codes

RAW = struct.Struct("=HII")  # of a raw event: device, time, what


class Keyboard:
    """Keeps room for letters."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._root = display.screen().root
        self._root.xinput_select_events([(xinput.AllMasterDevices, xinput.RawKeyPressMask)])
        self._changed = True
        self._codes = Codes()

    def hear(self, event: Event) -> None:
        """Take a note of a key, or of a letter that the server has added."""
        if event.type == ge.GenericEventCode and event.evtype == xinput.RawKeyPress:
            self._codes.typed(RAW.unpack_from(event.data)[2], time.monotonic())
        elif event.type == X.MappingNotify and event.request == X.MappingKeyboard:
            self._changed = True

    def settle(self) -> float | None:
        """Free codes when it is time for it; after how many seconds to ask again if nothing happens."""
        if self._changed:  # read once, however many letters have come
            self._changed = False
            self._codes.taken(self._taken(), time.monotonic())
        down = self._display.query_keymap() if self._codes.wait() else []
        pressed = frozenset(8 * place + bit for place, byte in enumerate(down) for bit in range(8) if byte >> bit & 1)
        self._free(self._codes.give_back(time.monotonic(), pressed))
        return self._codes.wait()

    def _taken(self) -> list[int]:
        rows = self._display.get_keyboard_mapping(min(SPARE), max(SPARE) + 1 - min(SPARE))
        return [code for code, row in enumerate(rows, min(SPARE)) if any(row)]

    def _free(self, codes: list[int]) -> None:
        """A row of neighbours at once: each request makes all programs read the layout again."""
        for _, row in groupby(enumerate(sorted(codes)), key=lambda item: item[1] - item[0]):
            neighbours = [code for _, code in row]
            self._display.change_keyboard_mapping(neighbours[0], [[X.NoSymbol]] * len(neighbours))
