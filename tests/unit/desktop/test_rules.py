"""Hosts, origins, cookies and the token's header."""

from __future__ import annotations

import pytest
from cloudify_desktop.rules import Site, link_token

PLAIN, TLS = Site(tls=False), Site(tls=True, names=["desktop.example.org"])


@pytest.mark.parametrize(
    "host", ["127.0.0.1:20001", "localhost:6080", "relion-2d.localhost:6080", "[::1]:6080", "10.0.2.100", "LOCALHOST"]
)
def test_addresses_and_localhost_are_ours(host: str) -> None:
    assert PLAIN.allows_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example:6080",
        "127.0.0.1.evil.example",
        "evillocalhost",
        "desktop.example.org",
        "[::1",
        "a b",
        "127.0.0.1:x",
    ],
)
def test_foreign_names_are_refused(host: str) -> None:
    assert not PLAIN.allows_host(host)


def test_configured_names_are_ours() -> None:
    assert TLS.allows_host("desktop.example.org:6080")
    assert not TLS.allows_host("desktop.example.org.evil.example")


@pytest.mark.parametrize(
    ("site", "origin", "allowed"),
    [
        (PLAIN, "http://127.0.0.1:20001", True),
        (PLAIN, "https://127.0.0.1:20001", False),
        (PLAIN, "http://127.0.0.1:20002", False),
        (PLAIN, "http://localhost:20001", False),
        (PLAIN, "http://127.0.0.1:20001.evil.example", False),
        (PLAIN, "null", False),
        (PLAIN, "", False),
        (TLS, "https://127.0.0.1:20001", True),
        (TLS, "http://127.0.0.1:20001", False),
    ],
)
def test_only_our_own_page_is_the_origin(site: Site, origin: str, allowed: bool) -> None:
    assert site.allows_origin(origin, "127.0.0.1:20001") is allowed


def test_two_ports_of_one_host_have_cookies_of_their_own() -> None:
    names = {PLAIN.cookie_name(host) for host in ("127.0.0.1:20001", "127.0.0.1:20002", "127.0.0.1")}
    assert names == {"desktop-20001", "desktop-20002", "desktop-80"}
    assert TLS.cookie_name("desktop.example.org") == "__Host-desktop-443"


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites() -> None:
    plain, tls = PLAIN.set_cookie("127.0.0.1:1", "s"), TLS.set_cookie("127.0.0.1:1", "s")
    assert plain == "desktop-1=s; Path=/; HttpOnly; SameSite=Strict"
    assert tls == "__Host-desktop-1=s; Path=/; HttpOnly; SameSite=Strict; Secure"


def test_the_session_is_found_among_other_cookies() -> None:
    cookies = "desktop-20002=other; desktop-20001=mine; x=1"
    assert PLAIN.session("127.0.0.1:20001", cookies) == "mine"
    assert PLAIN.session("127.0.0.1:20003", cookies) == ""
    assert PLAIN.session("127.0.0.1:20001", "") == ""
    assert PLAIN.session("127.0.0.1:20001", "\x00;;=") == ""


# Browsers send a host's cookies to all of its ports, also those of programs that keep to no standard.
@pytest.mark.parametrize(
    "other",
    ['seen={"a": 1}', "name=a b", "name=Jos\udcc3\udca9", "flag", "=x", 'half="x', "a[b]=1", "path=/", "a=b", ""],
)
def test_other_programs_cookies_hide_no_session(other: str) -> None:
    for cookies in (f"{other}; desktop-20001=mine", f"desktop-20001=mine; {other}"):
        assert PLAIN.session("127.0.0.1:20001", cookies) == "mine"


@pytest.mark.parametrize(
    ("header", "token"),
    [("binary, link.abc-_1", "abc-_1"), ("link.abc", "abc"), ("binary", ""), ("", ""), ("binary,link.", "")],
)
def test_the_token_comes_as_a_sub_protocol(header: str, token: str) -> None:
    assert link_token(header) == token
