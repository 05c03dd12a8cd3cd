"""Who is connected, and room for who comes: limits for each session and in all. No network, no clock of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PER_SESSION = 8  # one browser's windows, and those of them whose end has not been noticed yet
IN_ALL = 64
CONNECTED = "connected.json"  # in the state folder, for the link command


@dataclass(eq=False)
class Connection:
    """One browser at the desktop. Times are the clock's seconds; `ended` is why it has to go, or empty."""

    id: str
    view_only: bool
    address: str
    since: float
    heard: float = 0.0
    ended: str = ""


@dataclass
class Connections:
    """All of them; `told` is the file that says so to the link command."""

    told: Path
    now: Callable[[], float]
    all: list[Connection] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tell()

    def enter(self, id: str, view_only: bool, address: str) -> Connection:
        """Make room by ending whoever has been silent the longest, of this session first; nobody new is refused."""
        self._make_room([other for other in self._staying() if other.id == id], PER_SESSION)
        self._make_room(self._staying(), IN_ALL)
        connection = Connection(id, view_only, address, self.now(), self.now())
        self.all.append(connection)
        self._tell()
        return connection

    def leave(self, connection: Connection) -> None:
        """Forget one that is gone."""
        self.all.remove(connection)
        self._tell()

    def _staying(self) -> list[Connection]:
        return [connection for connection in self.all if not connection.ended]

    def _make_room(self, those: list[Connection], limit: int) -> None:
        for connection in sorted(those, key=lambda one: one.heard)[: max(0, len(those) - limit + 1)]:
            connection.ended = "silent the longest, and another one came"

    def _tell(self) -> None:
        people = [
            {"id": one.id, "view_only": one.view_only, "address": one.address, "since": one.since} for one in self.all
        ]
        fresh = self.told.with_name(self.told.name + ".new")
        fresh.write_text(json.dumps(people), "utf-8")
        fresh.replace(self.told)


def connected(told: Path) -> list[dict[str, object]]:
    """Who is connected, as the gateway has told; nobody while it never ran."""
    try:
        people: list[dict[str, object]] = json.loads(told.read_text("utf-8"))
    except FileNotFoundError:
        return []
    return people
