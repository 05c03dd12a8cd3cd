"""What a browser that may only look is allowed to say to the VNC server. Pure.

It is the gateway that holds back keys, clicks and the clipboard: a page can be changed by whoever has it open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

VERSION = b"RFB 003.008\n"
EXTENDED_CLIPBOARD = (0xC0A1E5CE).to_bytes(4, "big")
# Who looks is told that there is something on the desktop's clipboard, and never what: the server sends contents only
# to those who know no other clipboard, who take them unasked, or who ask for them.
NO_CONTENTS = (
    bytes([2, 0, 0, 1])  # SetEncodings: knows the extended clipboard
    + EXTENDED_CLIPBOARD
    + bytes([6, 0, 0, 0])  # ClientCutText, extended, since its length is negative:
    + (-8).to_bytes(4, "big", signed=True)
    + (1 << 24 | 1 << 27 | 1).to_bytes(4, "big")  # what it can: be notified of text, and nothing else,
    + bytes(4)  # and no text is so short that it takes it unasked
)
MOST = 65536  # bytes that wait for the rest of their message; encodings and fences are far shorter


class NotUnderstood(Exception):
    """A message whose length is not known: nothing after it could be told apart."""


@dataclass(frozen=True)
class Kind:
    """A client's message: whether it is passed on, its fixed part in bytes, and the bytes after that."""

    passed: bool
    head: int
    rest: Callable[[bytes], int] = lambda head: 0


KINDS = {
    0: Kind(True, 20),  # SetPixelFormat
    2: Kind(True, 4, lambda head: 4 * int.from_bytes(head[2:4], "big")),  # SetEncodings
    3: Kind(True, 10),  # FramebufferUpdateRequest
    4: Kind(False, 8),  # KeyEvent
    5: Kind(False, 6),  # PointerEvent
    6: Kind(False, 8, lambda head: abs(int.from_bytes(head[4:8], "big", signed=True))),  # ClientCutText
    150: Kind(True, 10),  # EnableContinuousUpdates
    248: Kind(True, 9, lambda head: head[8]),  # ClientFence
    250: Kind(False, 4),  # xvp: shut down, reboot
    251: Kind(False, 8, lambda head: 16 * head[6]),  # SetDesktopSize
    255: Kind(False, 12),  # QEMU's extended key event
}


class LookOnly:
    """Takes what the browser sends, in whatever pieces, and gives what may go on to the server."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._skip = 0
        self._greeting = [len(VERSION), 1, 1]  # version, security type (None), shared or not

    def feed(self, data: bytes) -> bytes:
        """What may be passed on by now; raises NotUnderstood."""
        self._waiting += data
        allowed = bytearray()
        while self._step(allowed):
            pass
        return bytes(allowed)

    def _step(self, allowed: bytearray) -> bool:
        if self._skip:
            gone = min(self._skip, len(self._waiting))
            self._skip -= gone
            del self._waiting[:gone]
            return gone > 0
        if self._greeting:
            return self._greet(allowed)
        return self._message(allowed)

    def _greet(self, allowed: bytearray) -> bool:
        length = self._greeting[0]
        if len(self._waiting) < length:
            return False
        part = self._take(self._greeting.pop(0))
        if length == len(VERSION) and part != VERSION:  # others have another greeting
            raise NotUnderstood("another version of RFB")
        # shared: who looks never closes another's connection
        allowed += b"\1" + NO_CONTENTS if not self._greeting else part
        return True

    def _message(self, allowed: bytearray) -> bool:
        if not self._waiting:
            return False
        kind = KINDS.get(self._waiting[0])
        if kind is None:
            raise NotUnderstood(f"message {self._waiting[0]}")
        if len(self._waiting) < kind.head:
            return False
        length = kind.head + kind.rest(bytes(self._waiting[: kind.head]))
        if not kind.passed:
            self._skip = length  # never gathered: a clipboard may be large
            return True
        if length > MOST:
            raise NotUnderstood("too long")
        if len(self._waiting) < length:
            return False
        message = self._take(length)
        allowed += _knows_clipboard(message) if message[0] == 2 else message
        return True

    def _take(self, length: int) -> bytes:
        part = bytes(self._waiting[:length])
        del self._waiting[:length]
        return part


def _knows_clipboard(encodings: bytes) -> bytes:
    """SetEncodings with the extended clipboard in it: without, the server would send what is copied."""
    count = int.from_bytes(encodings[2:4], "big")
    return encodings[:2] + (count + 1).to_bytes(2, "big") + encodings[4:] + EXTENDED_CLIPBOARD
