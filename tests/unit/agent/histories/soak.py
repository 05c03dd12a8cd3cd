"""`python -m tests.unit.agent.histories.soak NUMBER [PAGE]`: so many other histories than ever, and a page that tells.

Seeds are told as they begin; a history in which something was lost is told at once, with fewer steps where that is
found soon, and the others go on.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.unit.agent.histories.flavours import NAMES, NOT_YET, drawn, live
from tests.unit.agent.histories.history import Step

PORTION = 50
"""Histories between two lines of progress."""
SHRINK_SECONDS = 60.0
Portion = tuple[str, int, int]
"""A flavour, how many histories, and their seed."""
COLUMNS = ("histories", "steps", "kills", "seals", "restores", "failures", "seconds")


def main(arguments: Sequence[str]) -> int:
    """Returns 1 if anything was lost."""
    number, began = int(arguments[0]), time.monotonic()
    portions = _portions(number, int(os.environ.get("SEED", time.time())))
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    with multiprocessing.Pool(maxtasksperchild=4) as pool:
        for (name, _, at), counts, failed in pool.imap_unordered(run, portions):
            totals[name].update(counts)
            done = sum(total["histories"] for total in totals.values())
            print(f"{done} of {number} after {time.monotonic() - began:.0f} s: {name}, seed {at}", flush=True)
            print("".join(failed), end="", flush=True)
    if len(arguments) > 1:
        Path(arguments[1]).write_text(page(totals))
    return int(any(total["failures"] for total in totals.values()))


def _portions(number: int, first: int) -> list[Portion]:
    """The flavours take turns."""
    turns = -(-number // (PORTION * len(NAMES)))
    each = -(-number // (turns * len(NAMES)))
    return [(name, each, first + turn) for turn in range(turns) for name in NAMES]


def run(portion: Portion) -> tuple[Portion, Counter[str], list[str]]:
    """Returns counts, and what is to be told of failures."""
    name, number, at = portion
    counts, failed, began = Counter[str](), list[str](), time.monotonic()

    @seed(at)
    @settings(
        max_examples=number, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(drawn(name))
    def histories(history: list[Step]) -> None:
        counts["histories"] += 1
        if text := _failure(history, counts):
            counts["failures"] += 1
            failed.append(f"FAILED, {name}, seed {at}: {text}\n  {_shorter(history, text)}\n")

    histories()
    counts["seconds"] = round(time.monotonic() - began)
    return portion, counts, failed


def _failure(history: list[Step], counts: Counter[str]) -> str:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            counts.update(live(history))
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is looked for
        return f"{type(error).__name__}: {error}"
    return ""


def _shorter(history: list[Step], text: str) -> list[Step]:
    """Fewer steps that end in the same kind of failure, as far as it goes in a minute."""
    until, size = time.monotonic() + SHRINK_SECONDS, len(history) // 2
    while size and time.monotonic() < until:
        for at in range(0, len(history), size):
            fewer = history[:at] + history[at + size :]
            if _failure(fewer, Counter()).split(":")[0] == text.split(":")[0]:
                history = fewer
                break
        else:
            size //= 2
    return history


def page(totals: dict[str, Counter[str]]) -> str:
    """What was done, by flavour."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    rows = [[name, *(f"{totals[name][column]:,}" for column in COLUMNS)] for name in NAMES]
    total = sum(totals.values(), Counter[str]())
    rows.append(["together", *(f"{total[column]:,}" for column in COLUMNS)])
    table = "\n".join(f"| {' | '.join(row)} |" for row in [["flavour", *COLUMNS], ["---"] * (1 + len(COLUMNS)), *rows])
    missing = "".join(f"\nNot among them yet: {name} ({reason}).\n" for name, reason in NOT_YET.items())
    return _PAGE.format(commit=commit.stdout.strip(), table=table, missing=missing)


_PAGE = """# Long random histories of saving

Written by `make soak` at commit {commit}. In each history a user, others at the data space's web pages and the service
do 30 to 45 things at random; works of the agent are killed at any of their writes. After each seal, and in the end, a
new machine pulls from the data space, and its tree is compared with the volume's: names, kinds, links, contents
(databases as SQLite reads them), modes, times. `tests/unit/agent/histories/` holds what can happen (`steps.py`,
`flavours.py`) and what must hold (`books.py`, `must_hold.py`).

{table}

Seconds are those of one processor; *kills* are works that ended by a kill; *failures* are histories in which anything
of the above did not hold.
{missing}"""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
