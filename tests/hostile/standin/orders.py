"""The other end of `control.py`: gives orders. Needs no FUSE."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

from .provider import Provider, control_socket, short


def tell(path: Path, order: str, value: Any = None, timeout: float = 30) -> Any:
    """The answer of the stand-in that listens at `path`; ValueError if it does not take the order."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        with short(path) as name:
            connection.connect(name)
        with connection.makefile("rw") as stream:
            stream.write(json.dumps({"order": order, "with": value}) + "\n")
            stream.flush()
            answer = json.loads(stream.readline())
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer["answer"]


def main(arguments: list[str]) -> int:
    """`MOUNTPOINT ORDER [JSON]`: for people and for tests that reach a machine by its shell only."""
    if len(arguments) not in (2, 3):
        print("usage: oneclient stand-in MOUNTPOINT set|good|calls|cut|release|pid [JSON]", file=sys.stderr)
        return 2
    folder = Path(Provider.read().text["control"])
    path = control_socket(folder, Path(arguments[0]).absolute())
    print(json.dumps(tell(path, arguments[1], json.loads(arguments[2]) if arguments[2:] else None)))
    return 0
