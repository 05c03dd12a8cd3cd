"""The command line of `oneclient`, as far as projects use it.

oneclient -H HOST -t TOKEN [-i] [-o allow_other] [--space NAME] [-f] MOUNTPOINT
oneclient stand-in MOUNTPOINT ORDER [JSON]      orders to a running one: see orders.py
"""

from __future__ import annotations

import argparse
import os
import resource
import select
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import libc, orders
from .provider import Grant, Provider, Refused, control_socket

_MNT_DETACH = 2
_THREADS = 200
"""Calls at once. Each hung one keeps a thread; with libfuse's own 10 a few of them would hang all the others."""


def main(arguments: list[str]) -> int:
    """Exit code 1 if the provider or the kernel refuses."""
    if arguments[:1] == ["stand-in"]:
        return orders.main(arguments[1:])
    chosen = _parser().parse_args(arguments)
    mountpoint = Path(chosen.mountpoint).absolute()
    if chosen.unmount:
        os.execlp("fusermount3", "fusermount3", "-uz", os.fspath(mountpoint))
    settings = _file_settings(chosen.config)
    host = chosen.host or os.environ.get("ONECLIENT_PROVIDER_HOST") or settings.get("provider_host")
    token = chosen.token or os.environ.get("ONECLIENT_ACCESS_TOKEN") or settings.get("access_token")
    if not host or not token:
        print(f"The option {'token' if host else 'host'} is missing.", file=sys.stderr)
        return 1
    provider = Provider.read()
    try:
        grant = provider.connect(host, token, chosen.space)
        if not mountpoint.is_dir():
            raise Refused(f"{mountpoint} is not a folder")
    except Refused as refusal:
        print(f"ERROR: {refusal}", file=sys.stderr)
        return 1
    options = _fuse_options(chosen.o)
    if chosen.foreground:
        return _serve(provider, grant, mountpoint, chosen.force_direct_io, options, lambda: None)
    return _in_background(lambda ready: _serve(provider, grant, mountpoint, chosen.force_direct_io, options, ready))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("oneclient", description="A stand-in for OneData's oneclient.", allow_abbrev=False)
    parser.add_argument("-H", "--host")
    parser.add_argument("-t", "--token")
    parser.add_argument("-c", "--config", type=Path)
    parser.add_argument("-i", "--insecure", action="store_true")
    parser.add_argument("-o", "--opt", dest="o", action="append", default=[])
    parser.add_argument("-f", "--foreground", action="store_true")
    parser.add_argument("-u", "--unmount", action="store_true")
    parser.add_argument("-V", "--version", action="version", version="Oneclient: stand-in")
    parser.add_argument("--space", action="append", default=[])
    parser.add_argument("--force-direct-io", action="store_true")
    parser.add_argument("--no-buffer", action="store_true", help="taken; this stand-in never buffers")
    parser.add_argument("--provider-timeout", type=int, help="seconds; taken; this stand-in answers at once")
    parser.add_argument("mountpoint")
    return parser


def _file_settings(path: Path | None) -> dict[str, str]:
    """`key = value` lines."""
    lines = path.read_text().splitlines() if path else []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _fuse_options(given: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {"default_permissions": True}
    for option in ",".join(given).split(","):
        key, equals, value = option.partition("=")
        if key:
            options[key] = value if equals else True
    return options


def _serve(
    provider: Provider,
    grant: Grant,
    mountpoint: Path,
    direct_io: bool,
    options: dict[str, Any],
    ready: Callable[[], None],
) -> int:
    """Mounts; returns when it is unmounted."""
    from .binding import Binding
    from .control import Control
    from .gate import Gate
    from .hostile import Hostile
    from .misbehaviour import Misbehaviours
    from .passthrough import OPERATIONS
    from .store import Store

    os.umask(0)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    remembers = float(provider.text.get("kernel_cache", 0))

    def mounted(connection: Any, config: Any) -> None:
        wanted = config.contents
        wanted.entry_timeout = wanted.attr_timeout = remembers
        wanted.use_ino = wanted.hard_remove = wanted.nullpath_ok = 1
        ready()

    operations = Hostile(Store(grant.spaces, listed=provider.text.get("top") != "space"), mounted)
    wrong = Misbehaviours(direct_io=direct_io).changed(provider.text.get("misbehaviours", {}))
    operations.gate = Gate(operations, grant, wrong)
    operations.changed(Misbehaviours())
    Control(operations, control_socket(Path(provider.text["control"]), mountpoint))
    if provider.text.get("ends_with_input"):
        threading.Thread(target=_end_with_input, args=(mountpoint,), daemon=True).start()
    names = {"fsname": "oneclient", "subtype": "oneclient", "max_threads": _THREADS, "max_idle_threads": 20, **options}
    try:
        Binding(operations.gate.dispatch, OPERATIONS, os.fspath(mountpoint), **names)
    except RuntimeError as error:
        print(f"ERROR: cannot mount: {error}", file=sys.stderr)
        return 1
    return 0


def _end_with_input(mountpoint: Path) -> None:
    """Whoever started this one holds its standard input open; when they are gone, so is the mount."""
    while True:
        select.select([0], [], [])
        if not os.read(0, 4096):
            break
    try:
        libc.umount2(os.fsencode(mountpoint), _MNT_DETACH)
    finally:
        os._exit(0)


def _in_background(serve: Callable[[Callable[[], None]], int]) -> int:
    """Returns when the mount is there, or with the exit code of what went wrong."""
    receive, send = os.pipe()
    child = os.fork()
    if child:
        os.close(send)
        if os.read(receive, 1):
            return 0
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or 1
    os.close(receive)
    os.setsid()

    def ready() -> None:
        quiet = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(quiet, descriptor)
        os.write(send, b"+")
        os.close(send)

    return serve(ready)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # libfuse has ended threads that Python still counts on
