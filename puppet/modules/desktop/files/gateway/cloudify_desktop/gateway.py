"""What all connections share: who may come in, who is there, and the way to the VNC server's unix socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .access import Access
from .config import Config
from .connections import CONNECTED, Connections
from .door import Strangers
from .relay import Patience
from .rules import Site

Vnc = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Gateway:
    """What all connections share."""

    config: Config
    patience: Patience
    now: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        state = Path(self.config.state)
        self.site = Site(tls=bool(self.config.certificate), names=self.config.hosts)
        self.access = Access(state, self.now, self.config.session_hours * 3600)
        self.connections = Connections(state / CONNECTED, self.now, self.elapsed)
        self.strangers = Strangers()

    async def connect(self) -> Vnc | None:
        """A connection to the VNC server, or None when it is not there."""
        try:
            return await asyncio.open_unix_connection(self.config.vnc_socket)
        except OSError:
            return None

    async def desktop(self) -> str:
        """Whether the VNC server is `up` or `down`; it is not asked while somebody is connected to it."""
        if self.connections.all:
            return "up"
        vnc = await self.connect()
        if vnc:
            vnc[1].close()
        return "up" if vnc else "down"
