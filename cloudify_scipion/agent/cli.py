"""The command `scipion-data`: what units run, and what people ask for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cloudify_scipion.agent import status
from cloudify_scipion.agent.commands.answer import answer, restore_trash
from cloudify_scipion.agent.commands.follow import follow
from cloudify_scipion.agent.commands.run import run
from cloudify_scipion.agent.commands.show import show_health, show_log, show_status, show_trash
from cloudify_scipion.agent.config import FILE
from cloudify_scipion.agent.errors import AgentError

Do = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        return int(given.do(given))
    except AgentError as error:
        print(error.what + (f"\n  next: {error.next_step}" if error.next_step else ""), file=sys.stderr)
        return error.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scipion-data", description="Keeps the working copy and the data space the same."
    )
    parser.add_argument("--config", type=Path, default=FILE, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, do: Do, told: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=told)
        made.set_defaults(do=do)
        return made

    command("run", run, "do a work in this process (for systemd)").add_argument("work", choices=status.WORKS)
    for work in status.WORKS:
        command(work, follow, f"start {work} and follow it").set_defaults(work=work)
    command("status", show_status, "what is saved, and what goes on").add_argument("--json", action="store_true")
    well = command("health", show_health, "whether the mounts answer")
    well.add_argument("--space", default="")
    well.add_argument("--dataset", action="append", default=[])
    command("log", show_log, "what happened")
    actions = command("trash", show_trash, "what was replaced or deleted, and how to get it back").add_subparsers(
        dest="action", required=True
    )
    listed = actions.add_parser("list", help="what lies in the trash, newest first")
    listed.add_argument("pattern", nargs="?", default="", help="a part of the path, or a pattern with * ? []")
    back = actions.add_parser("restore", help="bring a version back")
    back.add_argument("name", help="the path that it had, or its name in the trash")
    back.add_argument("--version", type=int, help="the number in the list; without it, the latest")
    for action, do in ((listed, show_trash), (back, restore_trash)):
        action.add_argument("--json", action="store_true")
        action.set_defaults(do=do)
    asked = command("answer", answer, "answer a question")
    asked.add_argument("id")
    asked.add_argument("word")
    return parser


if __name__ == "__main__":
    sys.exit(main())
