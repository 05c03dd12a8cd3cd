"""A work's own command: its systemd unit is started, and followed until it ends."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from cloudify_scipion.agent import status
from cloudify_scipion.agent.config import Config, load_config

UNIT = "scipion-data@{}.service"


def follow(given: argparse.Namespace) -> int:
    """Start the unit of a work and show its progress until it ends."""
    unit, config = UNIT.format(given.work), load_config(given.config)
    subprocess.run(["systemctl", "start", "--no-block", unit], check=True)
    _show_progress(unit, config)
    last = status.document(config)["last"].get(given.work, {})
    if last.get("message"):
        print(last["message"] + (f"\n  next: {last['next']}" if last["next"] else ""), file=sys.stderr)
    return int(_property(unit, "ExecMainStatus") or 1)


def _show_progress(unit: str, config: Config) -> None:
    said = ""
    while _property(unit, "ActiveState") in ("active", "activating"):
        found = status.document(config)
        line = status.lines(found)[0] if found["work"] else ""
        if line and line != said:
            print(line, flush=True)
            said = line
        time.sleep(1)


def _property(unit: str, name: str) -> str:
    return subprocess.run(
        ["systemctl", "show", "-p", name, "--value", unit], check=True, capture_output=True, text=True
    ).stdout.strip()
