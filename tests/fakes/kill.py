"""Kill -9 on fakes: every call of every port is a place to die, before its effect or after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from cloudify_scipion.lifecycle.ports import Services


class Killed(BaseException):
    """No handler of ours may catch it: the process is gone."""


@dataclass
class Reaper:
    """Counts the calls of all ports and kills at number `at` (from 1; 0 never), `after` its effect or before.

    `die` is what dying means; by default an exception that nobody catches.
    """

    at: int = 0
    after: bool = False
    count: int = 0
    die: Callable[[], None] | None = None
    name: str = ""

    def over(self, services: Services) -> Services:
        ports = {f.name: _Wrapped(self, f.name, getattr(services, f.name)) for f in fields(services)}
        connect, provider = ports.pop("connect"), ports.pop("provider")
        return replace(
            services,
            **ports,
            connect=lambda record: _Wrapped(self, "shell", connect(record)),
            provider=lambda site: _Wrapped(self, "provider", provider(site)),
        )

    def call(self, name: str, work: Callable[[], Any]) -> Any:
        self.count += 1
        due = self.count == self.at
        if due and not self.after:
            self._kill(name)
        result = work()
        if due:
            self._kill(name)
        return result

    def _kill(self, name: str) -> None:
        self.name = name
        if self.die:
            self.die()
        raise Killed(name)


_OF_A_PROVIDER = ("machines", "volumes", "layers")


class _Wrapped:
    def __init__(self, reaper: Reaper, port: str, real: Any) -> None:
        self._reaper, self._port, self._real = reaper, port, real

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._real, name)
        if name in _OF_A_PROVIDER:
            return _Wrapped(self._reaper, name, value)
        if not callable(value) or name == "require_access":  # a question about the process, none to anything outside
            return value

        def method(*args: Any, **kwargs: Any) -> Any:
            plain = [arg._real if isinstance(arg, _Wrapped) else arg for arg in args]
            return self._reaper.call(f"{self._port}.{name}", lambda: value(*plain, **kwargs))

        return method
