"""A shell that remembers, and answers what it is told to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cloudify_scipion.lifecycle.facts import CommandResult


@dataclass
class RecordingShell:
    """The port Shell. `answers` maps a program to its result."""

    answers: Mapping[str, CommandResult] = field(default_factory=dict)
    calls: list[tuple[tuple[str, ...], bytes]] = field(default_factory=list)

    def run(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60.0, expect: Sequence[int] = (0,)
    ) -> CommandResult:
        self.calls.append((tuple(argv), stdin or b""))
        return self.answers.get(argv[0], CommandResult(0, "", ""))

    def stream(self, argv: Sequence[str], on_line: Callable[[str], None], timeout: float) -> CommandResult:
        result = self.run(argv, timeout=timeout)
        for line in result.stdout.splitlines():
            on_line(line)
        return result

    def wait_until_ready(self, deadline: float) -> None:
        self.run(["true"])
