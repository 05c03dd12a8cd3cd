"""The part `commands`: `check` and `render`."""

from __future__ import annotations

import time
from pathlib import Path

from tests.installation import DEMO, SITE, Installation
from tools.benchmarks.report import Figure

LIMIT = 1.0


def measure(installation: Installation, runs: int) -> list[Figure]:
    """Wall times of both commands on the demo; every rendering goes to a folder that is not there."""
    inputs = [str(DEMO), "--site", str(SITE)]
    check = [timed(installation, "check", *inputs) for _ in range(runs + 1)]
    folders = [installation.folder / f"rendered-{number}" for number in range(runs + 1)]
    render = [timed(installation, "render", *inputs, "-o", str(folder)) for folder in folders]
    # the first run of each reads the programs from disk
    return [
        Figure("`cloudify-scipion check`", check[1:], limit=LIMIT),
        Figure("`cloudify-scipion render`, Cloudify's parser included", render[1:], limit=LIMIT),
    ]


def timed(installation: Installation, *words: str) -> float:
    """Seconds of a command of ours."""
    began = time.monotonic()
    installation.run("cloudify-scipion", *words)
    return time.monotonic() - began


def kept_log(installation: Installation, name: str, text: str) -> Path:
    """Keep what a command printed, for those who want to know more."""
    path = installation.folder / f"{name}.log"
    path.write_text(text)
    return path
