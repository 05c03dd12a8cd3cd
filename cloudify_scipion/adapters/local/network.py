"""A machine's network: user-mode, outward only, and chosen ports of the host's 127.0.0.1 led into it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudify_scipion.adapters.local.cgroups import Group, log_tail, spawn
from cloudify_scipion.adapters.local.process import process_words
from cloudify_scipion.adapters.local.tree import folder
from cloudify_scipion.errors import PermanentError, PortInUse, TemporaryError

HOST = "127.0.0.1"
SOCKET = "network.sock"
LOG = "network.log"
READY_SECONDS = 15.0


@dataclass(frozen=True)
class Forward:
    """A port of the host's loopback led to one of the machine; `id` is the helper's."""

    id: int
    host_port: int
    guest_port: int


def port_is_free(port: int) -> bool:
    """Whether a program could listen on this port of 127.0.0.1 right now."""
    with socket.socket() as probe:
        # as the helper does: connections of a former listener that are still closing down are no obstacle
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def helper_argv(leader: int, ipv6: bool = False) -> list[str]:
    """The network helper's command. No way to this host's own loopback, ever: other projects' ports are there.

    `ipv6`: the machine has addresses of both families, so that it reaches name servers of both.
    """
    return [
        "slirp4netns",
        "--configure",
        "--mtu=65520",
        "--disable-host-loopback",
        *(["--enable-ipv6"] if ipv6 else []),
        f"--api-socket={SOCKET}",
        str(leader),
        "tap0",
    ]


def serves(group: Group, leader: int, ipv6: bool = False) -> bool:
    """Whether a helper runs for the container of process `leader`; one that rebooted has a new network namespace.

    One with IPv6 does for a machine that needs none.
    """
    wanted = ["\0".join(helper_argv(leader, offered)).encode() for offered in {True, ipv6}]
    return any(argv in process_words(process.pid) for process in group.processes() for argv in wanted)


def start_helper(machine: Path, group: Group, leader: int, ipv6: bool = False) -> None:
    """Give the container of process `leader` its network; returns when it is configured."""
    (machine / SOCKET).unlink(missing_ok=True)
    (machine / LOG).unlink(missing_ok=True)
    spawn(helper_argv(leader, ipv6), group, machine, machine / LOG)
    deadline = time.monotonic() + READY_SECONDS
    while not answers(machine):
        if not group.processes() or time.monotonic() > deadline:
            group.kill()
            raise TemporaryError(f"the network helper did not start:\n{log_tail(machine / LOG)}")
        time.sleep(0.02)


def answers(machine: Path) -> bool:
    """Whether the helper does what it is told."""
    try:
        list_forwards(machine)
    except (OSError, ValueError, KeyError):
        return False
    return True


def list_forwards(machine: Path) -> Sequence[Forward]:
    """The forwards there are. Raises OSError if the helper is not there."""
    answer = _ask(machine, "list_hostfwd")
    entries = answer.get("return", answer)["entries"]  # bare in slirp4netns 1.2, wrapped by its manual
    return [Forward(entry["id"], entry["host_port"], entry["guest_port"]) for entry in entries]


def converge_forwards(machine: Path, ports: Mapping[int, int]) -> bool:
    """Publish exactly `ports` (inside -> on the host's 127.0.0.1). True if anything changed.

    Raises PortInUse naming the port that another program has taken.
    """
    present = {(forward.guest_port, forward.host_port): forward.id for forward in list_forwards(machine)}
    for pair in present.keys() - ports.items():
        _ask(machine, "remove_hostfwd", id=present[pair])
    missing = ports.items() - present.keys()
    for guest_port, host_port in sorted(missing):
        _add(machine, guest_port, host_port)
    return bool(missing) or bool(present.keys() - ports.items())


def _add(machine: Path, guest_port: int, host_port: int) -> None:
    answer = _ask(machine, "add_hostfwd", proto="tcp", host_addr=HOST, host_port=host_port, guest_port=guest_port)
    if "error" not in answer:
        return
    if not port_is_free(host_port):
        raise PortInUse(
            f"port {host_port} of {HOST} is in use by another program",
            f"`ss -ltnp sport = :{host_port}` shows which; end it, or give this machine another port",
        )
    raise PermanentError(f"port {host_port} could not be published: {answer['error'].get('desc', answer['error'])}")


def _ask(machine: Path, verb: str, **arguments: str | int) -> dict[str, Any]:
    question = json.dumps({"execute": verb, "arguments": arguments}).encode()
    with folder(machine) as opened, socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        # a socket's path may have 108 bytes at most, a state root's more
        connection.connect(f"/proc/self/fd/{opened}/{SOCKET}")
        connection.sendall(question)
        connection.shutdown(socket.SHUT_WR)
        answer: dict[str, Any] = json.loads(b"".join(iter(lambda: connection.recv(4096), b"")))
    return answer
