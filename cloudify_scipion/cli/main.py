"""The command `cloudify-scipion`. Every command is a click command in a module of its own, imported when it is used."""

from __future__ import annotations

import importlib
import sys

import click

from cloudify_scipion import __version__
from cloudify_scipion.cli.console import fail
from cloudify_scipion.errors import ScipionError

COMMANDS = {
    "check": "cloudify_scipion.cli.check:check",
    "import": "cloudify_scipion.cli.import_:import_command",
    "choose": "cloudify_scipion.cli.choose:choose_command",
    "render": "cloudify_scipion.cli.render:render",
    "schema": "cloudify_scipion.cli.schema:schema_command",
    "open": "cloudify_scipion.cli.open:open_command",
    "status": "cloudify_scipion.cli.status:status_command",
    "list": "cloudify_scipion.cli.list_projects:list_command",
    "lock": "cloudify_scipion.cli.lock:lock_command",
    "repair": "cloudify_scipion.cli.repair:repair_command",
    "save": "cloudify_scipion.cli.saving:save_command",
    "stop-steps": "cloudify_scipion.cli.steps:stop_steps_command",
    "rescue": "cloudify_scipion.cli.saving:rescue_command",
    "held": "cloudify_scipion.cli.volumes:held_command",
    "discard": "cloudify_scipion.cli.volumes:discard_command",
    "cache": "cloudify_scipion.cli.cache:cache_group",
}
"""Command names to `module:attribute`; to add a command, add a line."""


class Commands(click.Group):
    """A group that imports a command's module only when that command is used, and turns our errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, its module imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; an error that a person can act on ends it with a message and the error's exit code."""
        try:
            return super().invoke(ctx)
        except ScipionError as error:
            fail(error)
            sys.exit(error.exit_code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cloudify-scipion")
def main() -> None:
    """From a project file to a Scipion desktop, and back to nothing."""


if __name__ == "__main__":
    main()
