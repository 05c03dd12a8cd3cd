"""Which name servers a machine asks: all of this host's, as far as they can be reached from in there.

The network helper leads one address of each family to the first server of that family that this host uses, whatever it
is by then: a stub on the host's loopback, a link-local router, another one since the laptop has moved. The others are
named themselves. What listens on the host's loopback cannot be reached otherwise; the servers behind such a stub can.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RELAY_4, RELAY_6 = "10.0.2.3", "fd00::3"
"""The helper's own name servers: they ask the first IPv4 and the first IPv6 server of this host."""
MOST = 3
"""Servers that the C library reads; it ignores further ones."""
UPSTREAM = ("run/systemd/resolve/resolv.conf", "run/NetworkManager/no-stub-resolv.conf")
"""Where this host's programs write down the servers behind a stub on the loopback."""
PATIENCE = ("timeout:2", "attempts:3")
"""Seconds until the next server is asked (the C library waits five), and how often all are asked."""
_OPTIONS = (
    "attempts", "edns0", "ndots", "no-aaaa", "no-reload", "no-tld-query", "rotate", "single-request",
    "single-request-reopen", "timeout", "use-vc",
)  # fmt: skip


@dataclass(frozen=True)
class Resolving:
    """`servers` in the order in which they are asked; `search` and `options` as in resolv.conf."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def needs_ipv6(self) -> bool:
        """Whether a server is reached over IPv6."""
        return any(":" in server for server in self.servers)

    def text(self) -> str:
        """As a file resolv.conf."""
        lines = [f"nameserver {server}" for server in self.servers]
        lines += [f"{word} {' '.join(values)}" for word, values in self._further() if values]
        return "".join(f"{line}\n" for line in lines)

    def _further(self) -> Sequence[tuple[str, tuple[str, ...]]]:
        return (("search", self.search), ("options", self.options))


def parse(text: str) -> Resolving:
    """What a resolv.conf says; nothing that is no address, and the last of its search lists."""
    servers: list[str] = []
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for word, *values in filter(None, map(str.split, text.splitlines())):
        if word == "nameserver" and values and _address(values[0]):
            servers.append(values[0])
        elif word in ("search", "domain"):
            search = tuple(values[:1] if word == "domain" else values)
        elif word == "options":
            options += tuple(values)
    return Resolving(tuple(servers[:MOST]), search, options)


def for_machine(host: Resolving, upstream: Sequence[str] = ()) -> Resolving:
    """What a machine of that host asks; `upstream` are the servers behind a stub on its loopback.

    Where the host names none, or none can be reached, there is still the relay, which asks whatever there is by then.
    """
    relays = {4: RELAY_4, 6: RELAY_6}
    servers = [relays.pop(_version(one), one if _can_be_reached(one) else "") for one in host.servers]
    if any(_of_loopback(one) for one in host.servers):
        servers += [one for one in upstream if _can_be_reached(one) and one not in host.servers]
    kept = tuple(dict.fromkeys(filter(None, servers)))[:MOST] or (RELAY_4,)
    search = tuple(name for name in host.search if name != ".")
    return Resolving(kept, search, _options(host.options, several=len(kept) > 1))


def of_this_host(root: Path = Path("/")) -> Resolving:
    """What a machine on this host asks now; `root` is the host's file system."""
    upstream = [server for name in UPSTREAM for server in parse(_read(root / name)).servers]
    return for_machine(parse(_read(root / "etc/resolv.conf")), upstream)


def _options(host: Sequence[str], several: bool) -> tuple[str, ...]:
    """The host's, but not its trust in what a server on its loopback has verified; patience where it states none."""
    kept = tuple(option for option in host if option.split(":")[0] in _OPTIONS)
    stated = {option.split(":")[0] for option in kept}
    return kept + tuple(one for one in PATIENCE if several and one.split(":")[0] not in stated)


def _can_be_reached(server: str) -> bool:
    """From inside a machine, by itself: neither the host's loopback nor what is said of one of its links."""
    address = _address(server)
    return address is not None and not (address.is_loopback or address.is_link_local or address.is_unspecified)


def _of_loopback(server: str) -> bool:
    address = _address(server)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _version(server: str) -> int:
    return 6 if ":" in server else 4


def _address(server: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(server)
    except ValueError:
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
