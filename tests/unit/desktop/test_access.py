"""Links work once and for a time; sessions last while they are used; only digests are kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from cloudify_desktop.access import REMEMBERED, Access

IDLE = 3600.0


@dataclass
class Clock:
    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(tmp_path: Path, clock: Clock) -> Access:
    return Access(tmp_path, clock, IDLE)


def test_a_link_opens_one_session(access: Access) -> None:
    link = access.issue(60)
    session = access.redeem(link.token)
    assert session and session != link.token
    assert access.live(session)
    assert access.redeem(link.token) is None
    assert not access.is_open(link.token)


def test_looking_at_a_link_does_not_use_it_up(access: Access) -> None:
    link = access.issue(60)
    assert access.is_open(link.token) and access.is_open(link.token)
    assert access.redeem(link.token)


@pytest.mark.parametrize(("later", "works"), [(0.0, True), (59.9, True), (60.0, False), (3600.0, False)])
def test_a_link_expires(access: Access, clock: Clock, later: float, works: bool) -> None:
    link = access.issue(60)
    assert link.expires == clock.now + 60
    clock.now += later
    assert access.is_open(link.token) is works
    assert (access.redeem(link.token) is not None) is works


@pytest.mark.parametrize("token", ["", "wrong", "../sessions/x", "\udcff", "a" * 10_000])
def test_a_wrong_token_opens_nothing(access: Access, token: str) -> None:
    access.issue(60)
    assert access.redeem(token) is None
    assert not access.live(token)


def test_of_many_at_once_one_wins(tmp_path: Path, clock: Clock) -> None:
    token = Access(tmp_path, clock, IDLE).issue(60).token
    gateways = [Access(tmp_path, clock, IDLE) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        sessions = list(pool.map(lambda gateway: gateway.redeem(token), gateways))
    assert sum(session is not None for session in sessions) == 1


def test_a_token_is_no_session_and_a_session_no_token(access: Access) -> None:
    link = access.issue(60)
    assert not access.live(link.token)
    session = access.redeem(link.token)
    assert session and not access.is_open(session)


def test_sessions_survive_a_restart(tmp_path: Path, clock: Clock, access: Access) -> None:
    session = access.redeem(access.issue(60).token)
    assert session and Access(tmp_path, clock, IDLE).live(session)


def test_a_session_lasts_while_it_is_used(access: Access, clock: Clock) -> None:
    session = access.redeem(access.issue(60).token) or ""
    for _ in range(5):
        clock.now += IDLE - 1
        assert access.keep(session)
    clock.now += IDLE
    assert not access.keep(session)
    assert not access.live(session)


def test_revoke_ends_all_and_counts_what_was_valid(access: Access, clock: Clock) -> None:
    access.issue(1)
    clock.now += 1
    session, link = access.redeem(access.issue(60).token) or "", access.issue(60)
    assert access.revoke() == 2
    assert not access.live(session) and not access.keep(session) and access.redeem(link.token) is None
    assert access.revoke() == 0
    assert access.redeem(access.issue(60).token)


def test_only_digests_are_kept(tmp_path: Path, access: Access) -> None:
    link = access.issue(60)
    session = access.redeem(access.issue(60).token) or ""
    kept = "".join(f"{path} {path.read_text()}" for path in tmp_path.rglob("*") if path.is_file())
    assert link.token not in kept and session not in kept


def test_what_has_expired_is_swept_away(tmp_path: Path, access: Access, clock: Clock) -> None:
    access.redeem(access.issue(60).token)
    access.issue(60)
    clock.now += IDLE
    clock.now += REMEMBERED
    access.issue(60)
    assert [len(list((tmp_path / folder).iterdir())) for folder in ("links", "sessions")] == [1, 0]


def test_a_half_written_file_is_no_session(tmp_path: Path, access: Access) -> None:
    session = access.redeem(access.issue(60).token) or ""
    for content in ("", "1700000000.0", "[]", '{"id": "x"}'):
        next((tmp_path / "sessions").iterdir()).write_text(content)
        assert not access.live(session) and access.sessions() == []
    access.issue(60)


def test_where_nothing_can_be_written_a_session_stays_and_no_link_is_used_up(
    tmp_path: Path, access: Access, clock: Clock
) -> None:
    session, token = access.redeem(access.issue(600).token) or "", access.issue(600).token
    (written,) = (tmp_path / "sessions").iterdir()
    written.with_name(f"{written.name}.new").mkdir()
    clock.now += 100
    assert access.keep(session) and access.live(session)
    (tmp_path / "sessions").rename(tmp_path / "gone")
    with pytest.raises(OSError):
        access.redeem(token)
    assert access.told(token) == "good"


def test_nobody_else_may_look(tmp_path: Path, access: Access) -> None:
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "links", tmp_path / "sessions")} == {0}


def test_what_has_become_of_a_link_is_told(access: Access, clock: Clock) -> None:
    good, used, late, ended = (access.issue(valid).token for valid in (600, 600, 1, 600))
    assert access.told(used) == "good"
    access.redeem(used)
    access.revoke(id=access.issue(600).id)
    clock.now += 10
    assert [access.told(token) for token in (good, used, late, ended, "never", "")] == [
        "good", "used", "expired", "good", "unknown", "unknown",
    ]  # fmt: skip
    access.revoke()
    assert [access.told(token) for token in (good, used, late)] == ["revoked", "used", "expired"]


def test_who_may_only_look_is_known_from_the_link(access: Access, clock: Clock) -> None:
    looks, owner = access.issue(60, view_only=True), access.issue(60)
    grants = []
    for link in (looks, owner):
        grants.append(access.live(access.redeem(link.token) or ""))
        clock.now += 1
    assert [(grant.id, grant.view_only) for grant in grants if grant] == [(looks.id, True), (owner.id, False)]
    assert [grant.id for grant in access.sessions()] == [looks.id, owner.id]


def test_who_looks_can_be_ended_alone(access: Access) -> None:
    mine = access.redeem(access.issue(60).token) or ""
    first, second = access.issue(60, view_only=True), access.issue(60, view_only=True)
    one, two = access.redeem(first.token) or "", access.redeem(second.token) or ""
    unused = access.issue(60, view_only=True).token
    assert access.revoke(id=first.id) == 1
    assert not access.live(one) and access.live(two) and access.live(mine)
    assert access.revoke(view_only=True) == 2
    assert not access.live(two) and access.told(unused) == "revoked" and access.live(mine)
    assert access.revoke(id="unknown") == 0
