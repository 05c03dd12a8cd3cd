"""`trash`: what was replaced or deleted in the data space, and how to get it back."""

from __future__ import annotations

import argparse
import json
import os

from cloudify_scipion.agent import trash_list
from cloudify_scipion.agent.commands.answer import request
from cloudify_scipion.agent.config import load_config
from cloudify_scipion.agent.errors import WrongUse
from cloudify_scipion.agent.plan.names import readable


def show_trash(given: argparse.Namespace) -> int:
    """What lies in the trash, newest first; as JSON, if asked."""
    versions, count = trash_list.read_list(load_config(given.config))
    found = trash_list.matching(versions, given.pattern)
    print(json.dumps(found, indent=1) if given.json else "\n".join(trash_list.lines(found, count)))
    return 0


def restore_trash(given: argparse.Namespace) -> int:
    """Have a version brought back by the next save, which starts now. Raises WrongUse for what is not there."""
    config = load_config(given.config)
    versions, _ = trash_list.read_list(config)
    found = trash_list.chosen(versions, given.name, given.version, config.user_path)
    if found is None:
        raise WrongUse(f"nothing in the trash is {given.name!r}", "see: scipion-data trash list")
    folder = config.run / "requests"
    request(folder, f"restore-{os.urandom(6).hex()}", found["name"])
    request(folder, "push", "")
    told = f"{readable(found['path'])} of {found['at'] or 'earlier'} comes back with the save that begins now"
    print(json.dumps(found, indent=1) if given.json else f"{told}; see: scipion-data status")
    return 0
