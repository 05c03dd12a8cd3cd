"""A work's own command: its systemd unit is started, and followed until it ends."""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Any

from cloudify_scipion.agent import status
from cloudify_scipion.agent.config import Config, load_config
from cloudify_scipion.agent.errors import AgentError

UNIT = "scipion-data@{}.service"
LOOK_SECONDS = 1.0


def follow(given: argparse.Namespace) -> int:
    """Start the unit of a work, or join the one that runs, and show its progress until it ends.

    Returns the work's exit code. Raises AgentError where no work was done, as systemd says why.
    """
    config, unit = load_config(given.config), UNIT.format(given.work)
    before = _last(config, given.work)
    with subprocess.Popen(["systemctl", "start", "--", unit], stderr=subprocess.PIPE, text=True) as starting:
        _show_progress(starting, config)
        _, said = starting.communicate()
    last = _last(config, given.work)
    if not last or (starting.returncode and last.get("run") == before.get("run")):
        why = f": {said.strip().splitlines()[0]}" if said.strip() else ""
        raise AgentError(f"{given.work} was not done{why}", f"see: journalctl -u {unit}")
    if last.get("message"):
        print(last["message"] + (f"\n  next: {last['next']}" if last["next"] else ""), file=sys.stderr)
    return int(last["code"])


def _show_progress(starting: subprocess.Popen[str], config: Config) -> None:
    said = ""
    while True:
        found = status.document(config)
        line = status.lines(found)[0] if found["work"] else ""
        if line and line != said:
            print(line, flush=True)
            said = line
        try:
            starting.wait(LOOK_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue


def _last(config: Config, work: str) -> dict[str, Any]:
    return dict(status.document(config)["last"].get(work) or {})
