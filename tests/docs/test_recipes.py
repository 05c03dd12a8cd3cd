"""What operators are told to put into cron, and to copy away: typed as it stands, on a state folder of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloudify_scipion.adapters.state import ProjectFolders
from cloudify_scipion.lifecycle.record import Binding, MachineState, Record
from tests.docs.pages import ROOT, documented_commands, text

PAGE = "docs/operator.md"
SITE = {"name": "here", "provider": "local"}
COPIED = {
    "installation": "0123abcd", "ended/old.json": "{}", "secrets/token": "secret", "volumes/p.json": "{}",
    "volumes.place": "0", "projects/p/ssh/login_ed25519": "key",
}  # fmt: skip
MADE_AGAIN = {
    "machines/p/upper/etc/passwd": "", "cache/layers/d/meta.json": "{}", "volumes/p.img": "", "volumes/mnt/p/mine": "",
    "store/debs/x": "", "spaces/local/p/mine": "",
}  # fmt: skip


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder with a state folder `state`, and our command in `bin`."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/cloudify-scipion"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cloudify_scipion.cli.main "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path


def typed(host: Path, command: str) -> tuple[int, str]:
    """What a shell of the host makes of a line, as cron runs it: its exit code, and all that it prints."""
    own = {"CLOUDIFY_SCIPION_STATE": f"{host}/state", "PYTHONPATH": str(ROOT), "PATH": f"{host}/bin:/usr/bin:/bin"}
    done = subprocess.run(
        ["/bin/sh", "-c", command], env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=120, check=False, cwd=host,
    )  # fmt: skip
    return done.returncode, done.stdout


def add_project(host: Path, installed: bool) -> None:
    """A project that nobody must look at, or one whose machine is gone."""
    binding = Binding("0123abcd", "default_tenant", "p")
    expires = (datetime.now(UTC) + timedelta(days=3)).isoformat(timespec="seconds")
    settings = {"project": {"id": "p", "title": "P"}, "site": SITE}
    state = MachineState.NEW if installed else MachineState.NONE
    record = Record("p", binding, expires=expires, machine="m", volume="v", machine_state=state, settings=settings)
    ProjectFolders(host / "state").save(record)


def test_the_list(host: Path) -> None:
    add_project(host, installed=False)
    as_text, as_json = [typed(host, command) for command in documented_commands(PAGE, "Which projects need you")]
    assert (as_text[0], as_text[1].splitlines()[1].split()[:2]) == (0, ["p", "begun"])
    assert (as_json[0], json.loads(as_json[1])["projects"][0]["title"]) == (0, "P")


def cron() -> list[str]:
    (block,) = re.findall(r"<!-- cron -->\n```text\n(.*?)```", text(PAGE), re.DOTALL)
    lines: list[str] = block.splitlines()
    return lines


def test_the_file_for_cron_is_one() -> None:
    *variables, line = cron()
    assert all(re.fullmatch(r"[A-Z]+=\S+", variable) for variable in variables)
    assert re.fullmatch(r"([\d*/,-]+ ){5}root \S.*", line)
    assert "%" not in line  # which cron takes for the end of a line


def test_cron_is_silent_while_nobody_is_needed_and_says_who_is(host: Path) -> None:
    command = cron()[-1].split("root ", 1)[1]
    assert typed(host, command) == (0, "")
    add_project(host, installed=False)
    assert typed(host, command) == (0, "")
    add_project(host, installed=True)
    code, said = typed(host, command)
    assert (code, "p: its machine is gone" in said) == (0, True)
    (host / "state/projects/p/project.json").write_text("{", encoding="utf-8")
    assert "is damaged" in typed(host, command)[1]


def test_a_list_that_cannot_be_made_is_told_as_well(host: Path) -> None:
    command = cron()[-1].split("root ", 1)[1].replace("cloudify-scipion list", "cloudify-scipion lists")
    assert "No such command" in typed(host, command)[1]


def test_a_backup_brings_back_what_cannot_be_made_again(host: Path) -> None:
    add_project(host, installed=True)
    state = host / "state"
    for name, content in {**COPIED, **MADE_AGAIN}.items():
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text(content, encoding="utf-8")
        (state / name).chmod(0o600)
    (host / "backups").mkdir()
    places = {"/var/lib/cloudify-scipion": str(state), "/var/backups": f"{host}/backups"}
    commands = documented_commands(PAGE, "Backup")
    for place, own in places.items():
        commands = [command.replace(place, own) for command in commands]
    copy, close, bring_back, look = commands
    before = typed(host, look)
    assert [typed(host, command) for command in (copy, close)] == [(0, ""), (0, "")]
    state.rename(host / "lost")
    state.mkdir(mode=0o700)
    assert typed(host, bring_back) == (0, "")
    assert typed(host, look) == before and "p  " in before[1]
    assert {name: (state / name).read_text(encoding="utf-8") for name in COPIED} == COPIED
    assert not [name for name in MADE_AGAIN if (state / name).exists()]
    assert (state / "secrets/token").stat().st_mode & 0o777 == 0o600
