"""Every command in the documents exists, with the options that it is given."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import click
import pytest

from cloudify_scipion.cli.main import main
from tests.docs.pages import PAGES, ROOT, blocks, documented_commands, text, words

LINES = [(page, line) for page in PAGES for line in documented_commands(page)]
OTHERS = {
    ".",
    "chmod",
    "cp",
    "export",
    "install",
    "mkdir",
    "pytest",
    "python",
    "rm",
    "ssh",
    "tar",
    "./tools/check-puppet",
}
"""Programs that the documents may use besides our own, cfy and make."""
_NEEDS_MACHINE = re.compile(
    r"make|cfy (install|uninstall|executions|deployments)|cloudify-scipion (?!check|render|-)|.* --lock "
)
_INLINE = re.compile(r"`((?:cloudify-scipion|make|cfy) [a-z][^`]*)`")


def needs_machine(command: str) -> bool:
    """Whether a documented command installs, or works on something that is installed."""
    return bool(_NEEDS_MACHINE.match(command))


def of(program: str) -> list[tuple[str, str]]:
    found = [(page, line) for page, line in LINES if words(line)[0] == program]
    return [*found, *((page, line) for page in PAGES for line in inline(page) if words(line)[0] == program)]


def inline(page: str) -> list[str]:
    """Commands in running text, such as `make demo`; those with placeholders such as ID stand for a real one."""
    plain = re.sub(r"```.*?```|<!-- generated: commands -->.*?<!-- generated: end -->", "", text(page), flags=re.DOTALL)
    return [line for line in _INLINE.findall(plain) if "..." not in line and "[" not in line]


def test_there_are_commands() -> None:
    assert len(LINES) > 40
    assert len(documented_commands("README.md", "By hand")) > 9


@pytest.mark.parametrize("page", PAGES)
def test_blocks_say_what_they_hold(page: str) -> None:
    assert {block.language for block in blocks(page)} <= {"sh", "text", "yaml", "json"}
    assert {words(line)[0] for line in documented_commands(page)} <= OTHERS | {"cloudify-scipion", "cfy", "make"}


@pytest.mark.parametrize(("page", "line"), of("cloudify-scipion"))
def test_our_commands(page: str, line: str) -> None:
    command: click.Command = main
    arguments = words(line)[1:]
    while isinstance(command, click.Group) and arguments:
        found = command.get_command(click.Context(command), arguments[0])
        assert found is not None, f"{page}: {line}"
        command, arguments = found, arguments[1:]
    needed = [parameter for parameter in command.params if parameter.required]
    if isinstance(command, click.Group):
        return  # the name of a family of commands, in running text
    if len(arguments) >= len(needed):
        command.make_context("x", arguments)  # raises for options and arguments that do not exist
    else:
        assert not arguments, f"{page}: {line} lacks {needed}"  # the bare name, in running text


@pytest.mark.parametrize(("page", "line"), of("cfy"))
def test_cloudifys_commands(page: str, line: str, cfy_help: Help) -> None:
    path, options = split(words(line)[1:])
    told = cfy_help(path)
    for option in options:
        assert re.search(rf"(^|[\s,]){re.escape(option)}\b", told), f"{page}: {line}: cfy {path} has no {option}"


@pytest.mark.parametrize(("page", "line"), of("make"))
def test_make_targets(page: str, line: str) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(words(line)[1:]) <= known, f"{page}: {line}"


@pytest.mark.parametrize(("page", "line"), of("pytest"))
def test_paths_of_tests(page: str, line: str) -> None:
    paths = [word for word in words(line)[1:] if word.startswith("tests")]
    assert all((ROOT / path).exists() for path in paths), f"{page}: {line}"


def test_what_needs_a_machine() -> None:
    assert needs_machine("cfy install x -b y") and needs_machine("cloudify-scipion open x")
    assert not needs_machine("cloudify-scipion check x") and not needs_machine("cfy profiles use local")


def split(arguments: list[str]) -> tuple[str, list[str]]:
    """The command's words, and its options."""
    groups = {"executions", "deployments", "profiles", "blueprints"}
    count = 2 if arguments[0] in groups and len(arguments) > 1 else 1
    options = [word for word in arguments[count:] if word.startswith("-")]
    return " ".join(arguments[:count]), options


class Help:
    """What `cfy COMMAND --help` prints in the local profile."""

    def __init__(self, folder: Path) -> None:
        self._environment = {"CFY_WORKDIR": str(folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        self._ask("profiles", "use", "local")

    @cache  # noqa: B019  one object a session
    def __call__(self, path: str) -> str:
        return self._ask(*path.split(), "--help")

    def _ask(self, *arguments: str) -> str:
        command = [str(Path(sys.executable).parent / "cfy"), *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def cfy_help(tmp_path_factory: pytest.TempPathFactory) -> Help:
    return Help(tmp_path_factory.mktemp("cfy"))
