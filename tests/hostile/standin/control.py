"""Orders to a running stand-in: a line of JSON each way, over a Unix socket outside the mount."""

from __future__ import annotations

import json
import os
import socket
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .hostile import Hostile
from .misbehaviour import Misbehaviours
from .provider import short

_LONGEST = 1 << 20


class Control:
    """Listens, in a thread of its own, so that it answers while every call hangs."""

    def __init__(self, operations: Hostile, path: Path):
        self.operations, self.gate = operations, operations.gate
        self.orders: Mapping[str, Callable[[Any], Any]] = {
            "set": self._set,
            "good": lambda _: self._change(Misbehaviours()),
            "calls": lambda forget: self.gate.calls(forget=bool(forget)),
            "cut": lambda seconds: operations.cut(float(seconds)),
            "release": lambda _: self._set({"hang": False, "rename_stops": ""}),
            "pid": lambda _: os.getpid(),
        }
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        with short(path) as name:
            self._listener.bind(name)
        path.chmod(0o600)
        self._listener.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, connection.makefile("rw") as stream:
                try:
                    answer = {"answer": self._obey(json.loads(stream.readline(_LONGEST)))}
                except Exception as error:  # noqa: BLE001  (the next order must find somebody here)
                    traceback.print_exc()
                    answer = {"error": str(error)}
                try:
                    stream.write(json.dumps(answer) + "\n")
                    stream.flush()
                except OSError:
                    traceback.print_exc()

    def _obey(self, order: Mapping[str, Any]) -> Any:
        if order["order"] not in self.orders:
            raise ValueError(f"no such order: {order['order']}")
        return self.orders[order["order"]](order.get("with"))

    def _set(self, values: Mapping[str, Any]) -> None:
        self._change(self.gate.settings.changed(values))

    def _change(self, settings: Misbehaviours) -> None:
        with self._lock:
            before = self.gate.settings
            self.gate.change(settings)
            self.operations.changed(before)
