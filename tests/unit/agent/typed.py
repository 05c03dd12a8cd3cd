"""The agent's command, as units and users type it."""

from __future__ import annotations

import json
import os

from cloudify_scipion.agent import cli
from tests.unit.agent.rig import Rig


def configure(rig: Rig) -> None:
    """Write the configuration that the command reads, beside the volume."""
    (rig.root.parent / "config.json").write_text(json.dumps(rig.document()))


def run(rig: Rig, work: str, *more: str) -> int:
    """Run a work of the configured rig, or with `more` words another command; the exit code."""
    umask = os.umask(0o22)
    try:
        return cli.main(["--config", str(rig.root.parent / "config.json"), *(["run"] if not more else []), work, *more])
    finally:
        os.umask(umask)
