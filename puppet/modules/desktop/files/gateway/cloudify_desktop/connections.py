"""Who is connected, and room for who comes: limits for each session and in all. No network, no clock of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .journal import say

PER_SESSION = 8  # one browser's windows, and those of them whose end has not been noticed yet
IN_ALL = 64
MADE_ROOM = "silent the longest, and another one came"
REMEMBERED = 256  # connections that are gone
CONNECTED = "connected.json"  # in the state folder, for the link command


@dataclass(eq=False)
class Connection:
    """One browser at the desktop; `ended` is why it has to go, or empty.

    `since` is of the clock that people read, `heard` of one that nobody sets, both in seconds.

    `tab` is how its page calls it, and `received` the bytes that came: after a cut the page sends again what did not.
    """

    id: str
    view_only: bool
    address: str
    since: float
    heard: float = 0.0
    ended: str = ""
    tab: str = ""
    received: int = 0


@dataclass
class Connections:
    """All of them; `told` is the file that says so to the link command."""

    told: Path
    now: Callable[[], float]
    elapsed: Callable[[], float]
    all: list[Connection] = field(default_factory=list)
    _gone: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tell()

    def enter(self, id: str, view_only: bool, address: str, tab: str = "") -> Connection:
        """Make room by ending whoever has been silent the longest, of this session first, and who only looks before who
        works; nobody new is refused."""
        self._make_room([other for other in self._staying() if other.id == id], PER_SESSION)
        self._make_room(self._staying(), IN_ALL)
        connection = Connection(id, view_only, address, self.now(), self.elapsed(), tab=tab)
        self.all.append(connection)
        self._tell()
        return connection

    def leave(self, connection: Connection) -> None:
        """Forget one that is gone."""
        self.all.remove(connection)
        self._gone[connection.id, connection.tab] = connection.received
        while len(self._gone) > REMEMBERED:
            del self._gone[next(iter(self._gone))]
        self._tell()

    def others(self, id: str) -> int:
        """How many people besides that one are connected."""
        return len({one.id for one in self.all} - {id})

    def is_alone(self, connection: Connection) -> bool:
        """Whether nobody else is connected by its session."""
        return not any(one.id == connection.id for one in self.all if one is not connection)

    def end_tab(self, id: str, tab: str) -> bool:
        """A page that asks after its cut connection has left it: end what is left of that; whether it is gone."""
        there = [one for one in self.all if (one.id, one.tab) == (id, tab)]
        for connection in there:
            connection.ended = "its page connects again"
        return not there

    def received(self, id: str, tab: str) -> int | None:
        """The bytes that had come from a tab when it went; None when that is not known."""
        return self._gone.get((id, tab))

    def _staying(self) -> list[Connection]:
        return [connection for connection in self.all if not connection.ended]

    def _make_room(self, those: list[Connection], limit: int) -> None:
        those = sorted(those, key=lambda one: (not one.view_only, one.heard))
        for connection in those[: max(0, len(those) - limit + 1)]:
            connection.ended = MADE_ROOM

    def _tell(self) -> None:
        people = [
            {"id": one.id, "view_only": one.view_only, "address": one.address, "since": one.since} for one in self.all
        ]
        fresh = self.told.with_name(self.told.name + ".new")
        try:
            fresh.write_text(json.dumps(people), "utf-8")
            fresh.replace(self.told)
        except OSError as error:  # no room, say: nobody's desktop depends on it
            say(f"who is connected cannot be told: {error.strerror}")


def connected(told: Path) -> list[dict[str, object]]:
    """Who is connected, as the gateway has told; nobody while it never ran."""
    try:
        people: list[dict[str, object]] = json.loads(told.read_text("utf-8"))
    except FileNotFoundError:
        return []
    return people
