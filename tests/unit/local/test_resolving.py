"""All name servers of a host reach its machines, of whatever kind they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudify_scipion.adapters.local import network
from cloudify_scipion.adapters.local.resolving import (
    MOST,
    PATIENCE,
    RELAY_4,
    RELAY_6,
    Resolving,
    for_machine,
    of_this_host,
    parse,
)

STUB = ("127.0.0.53",)
A, B, C, D = "192.0.2.1", "192.0.2.2", "198.51.100.3", "203.0.113.4"
SIX, SEVEN = "2001:db8::6", "2001:db8::7"
LINK = "fe80::1%eth0"


@pytest.mark.parametrize(
    ("host", "behind", "machine"),
    [
        ((A,), (), (RELAY_4,)),
        ((A, B), (), (RELAY_4, B)),
        ((A, B, C), (), (RELAY_4, B, C)),
        ((A, A, B), (), (RELAY_4, A, B)),
        (STUB, (), (RELAY_4,)),
        (STUB, (A,), (RELAY_4, A)),
        (STUB, (A, B, C), (RELAY_4, A, B)),
        ((A, *STUB), (A, B), (RELAY_4, B)),
        (("127.0.0.1", B), (A,), (RELAY_4, B, A)),
        (("0.0.0.0", B), (), (RELAY_4, B)),
        ((A, B), (C,), (RELAY_4, B)),  # no stub: what others wrote down is of no concern
        ((SIX,), (), (RELAY_6,)),
        ((SIX, SEVEN), (), (RELAY_6, SEVEN)),
        ((SIX, A), (), (RELAY_6, RELAY_4)),
        ((A, SIX, B), (), (RELAY_4, RELAY_6, B)),
        ((A, SIX, SEVEN), (), (RELAY_4, RELAY_6, SEVEN)),
        (("::1",), (SIX, A), (RELAY_6, SIX, A)),
        ((LINK,), (), (RELAY_6,)),
        ((LINK, "fe80::2%eth0", A), (), (RELAY_6, RELAY_4)),
        (STUB, (LINK, A), (RELAY_4, A)),
        ((), (), (RELAY_4,)),
        ((), (A,), (RELAY_4,)),
    ],
)
def test_the_servers(host: tuple[str, ...], behind: tuple[str, ...], machine: tuple[str, ...]) -> None:
    found = for_machine(Resolving(host), behind)
    assert found.servers == machine
    assert len(found.servers) <= MOST
    assert found.needs_ipv6 == any(":" in server for server in machine)


def test_where_the_first_is_dead_the_next_is_asked_soon() -> None:
    assert for_machine(Resolving((A, B))).options == PATIENCE
    assert for_machine(Resolving((A,))).options == (), "a slow server is better than none"


@pytest.mark.parametrize(
    ("host", "machine"),
    [
        (("timeout:7",), ("timeout:7", "attempts:3")),
        (("attempts:1", "rotate"), ("attempts:1", "rotate", "timeout:2")),
        (("ndots:5", "use-vc", "single-request-reopen"), ("ndots:5", "use-vc", "single-request-reopen", *PATIENCE)),
        (("edns0", "trust-ad"), ("edns0", *PATIENCE)),
        (("debug", "inet6"), PATIENCE),
    ],
)
def test_the_hosts_own_options_count(host: tuple[str, ...], machine: tuple[str, ...]) -> None:
    assert for_machine(Resolving((A, B), options=host)).options == machine


def test_a_file_is_read_as_the_c_library_reads_it() -> None:
    text = f"""# made by hand
; also a comment
domain first.example
nameserver\t{A}
nameserver {B}   # the second
nameserver nonsense
nameserver
 nameserver {LINK}
nameserver {C}
options ndots:2 timeout:1
options rotate
search one.example two.example .
"""
    found = parse(text)
    assert found == Resolving((A, B, LINK), ("one.example", "two.example", "."), ("ndots:2", "timeout:1", "rotate"))
    assert parse("search a.example\ndomain b.example c\n").search == ("b.example",)
    assert for_machine(found).search == ("one.example", "two.example")


def test_the_text_comes_back() -> None:
    wanted = Resolving((RELAY_4, B, RELAY_6), ("one.example", "two.example"), ("ndots:2", *PATIENCE))
    assert parse(wanted.text()) == wanted
    assert Resolving((RELAY_4,)).text() == f"nameserver {RELAY_4}\n"


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize("place", ["run/systemd/resolve/resolv.conf", "run/NetworkManager/no-stub-resolv.conf"])
def test_servers_behind_a_stub_of_this_host(tmp_path: Path, place: str) -> None:
    write(tmp_path, "etc/resolv.conf", "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lab.example\n")
    write(tmp_path, place, f"nameserver {A}\nnameserver {B}\nsearch other.example\n")
    assert of_this_host(tmp_path) == Resolving((RELAY_4, A, B), ("lab.example",), ("edns0", *PATIENCE))


def test_a_laptop_that_moves_has_others_and_a_host_without_any_still_the_relay(tmp_path: Path) -> None:
    assert of_this_host(tmp_path).servers == (RELAY_4,)
    write(tmp_path, "etc/resolv.conf", f"nameserver {A}\nnameserver {B}\n")
    assert of_this_host(tmp_path).servers == (RELAY_4, B)
    write(tmp_path, "etc/resolv.conf", f"nameserver {C}\nnameserver {D}\n")
    assert of_this_host(tmp_path).servers == (RELAY_4, D)


def test_only_name_servers_bring_ipv6_and_never_the_hosts_loopback() -> None:
    for ipv6 in (False, True):
        argv = network.helper_argv(4711, ipv6)
        assert ("--enable-ipv6" in argv) == ipv6
        assert "--disable-host-loopback" in argv
