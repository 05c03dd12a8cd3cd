"""`status`, `health`, `log` and `trash list`: they print, and change nothing."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
from pathlib import Path

from cloudify_scipion.agent import status, trash_list
from cloudify_scipion.agent.commands.works import PULLED
from cloudify_scipion.agent.config import Config, load_config
from cloudify_scipion.agent.errors import WrongUse
from cloudify_scipion.agent.ports.index import INDEX, Index
from cloudify_scipion.agent.ports.mount import is_mounted
from cloudify_scipion.agent.work.space import health


def show_status(given: argparse.Namespace) -> int:
    """What is saved, and what goes on; as JSON, if asked."""
    found = status.document(load_config(given.config))
    print(json.dumps(found, indent=1) if given.json else "\n".join(status.lines(found)))
    return 0


def show_health(given: argparse.Namespace) -> int:
    """What is wrong with the mounts; returns 1 if something is."""
    if given.dataset and not given.space and not given.config.exists():  # a project that has datasets alone
        found = health.problems("", given.dataset)
    else:
        found = _problems(load_config(given.config), given)
    print("\n".join(found))
    return 1 if found else 0


def _problems(config: Config, given: argparse.Namespace) -> list[str]:
    space = given.space or str(config.space)
    found = [f"{space} is not mounted"] if config.mounted and not is_mounted(Path(space)) else []
    # Before the first pull nobody knows what is there, and whoever may not look cannot ask.
    asks = not found and os.path.exists(config.state / PULLED)  # noqa: PTH110 - no error for those
    return found + health.problems(space if asks else "", given.dataset, second=config.verify if asks else "")


def show_log(given: argparse.Namespace) -> int:
    """What happened."""
    path = load_config(given.config).state / INDEX
    try:
        if path.exists():
            with contextlib.closing(Index(path, reading=True)) as index:
                for at, kind, text in index.people.events():
                    print(f"{at} {kind:<6} {text}")
    except (OSError, sqlite3.Error) as error:
        raise WrongUse(
            f"the log cannot be read: {error}", "ask root for it; scipion-data status shows the alarms to everybody"
        ) from error
    return 0


def show_trash(given: argparse.Namespace) -> int:
    """What lies in the trash, newest first; as JSON, if asked."""
    versions, count = trash_list.read_list(load_config(given.config))
    found = trash_list.matching(versions, given.pattern)
    print(json.dumps(found, indent=1) if given.json else "\n".join(trash_list.lines(found, count)))
    return 0
