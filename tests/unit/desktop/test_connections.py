"""Room for who comes: the silent go first, and who is connected can be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from cloudify_desktop.connections import IN_ALL, PER_SESSION, Connections, connected


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "connected.json"


def test_a_session_ends_its_own_silent_connections(told: Path) -> None:
    connections = Connections(told, Clock(), Clock())
    other = connections.enter("other", False, "")
    mine = [connections.enter("mine", False, "") for _ in range(PER_SESSION)]
    mine[0].heard = 1000  # the oldest, and lively
    latest = connections.enter("mine", False, "")
    assert [one for one in connections.all if one.ended] == [mine[1]]
    assert not other.ended and not latest.ended


def test_of_many_sessions_the_most_silent_goes(told: Path) -> None:
    connections = Connections(told, Clock(), Clock())
    everybody = [connections.enter(str(number), False, "") for number in range(300)]
    staying = [one for one in everybody if not one.ended]
    assert len(staying) == IN_ALL and staying == everybody[-IN_ALL:]


def test_who_works_makes_no_room_for_who_looks(told: Path) -> None:
    connections = Connections(told, Clock(), Clock())
    owner = connections.enter("owner", False, "")
    guests = [connections.enter(str(number), True, "") for number in range(IN_ALL)]
    assert [one for one in (owner, *guests) if one.ended] == [guests[0]]


def test_who_is_connected_is_told(told: Path) -> None:
    assert connected(told) == []
    connections = Connections(told, Clock(), Clock())
    one, two = connections.enter("a1", False, "10.0.0.1"), connections.enter("b2", True, "10.0.0.2")
    assert [(who["id"], who["view_only"], who["address"]) for who in connected(told)] == [
        ("a1", False, "10.0.0.1"),
        ("b2", True, "10.0.0.2"),
    ]
    connections.leave(one)
    assert [who["id"] for who in connected(told)] == ["b2"]
    connections.leave(two)
    assert connected(told) == []


def test_a_restarted_gateway_knows_of_nobody(told: Path) -> None:
    Connections(told, Clock(), Clock()).enter("a1", False, "")
    Connections(told, Clock(), Clock())
    assert connected(told) == []


def test_where_nothing_can_be_written_the_desktop_goes_on(tmp_path: Path) -> None:
    connections = Connections(tmp_path / "gone" / "connected.json", Clock(), Clock())
    connection = connections.enter("a1", False, "")
    assert connections.all == [connection]
    connections.leave(connection)
    assert connections.all == []
