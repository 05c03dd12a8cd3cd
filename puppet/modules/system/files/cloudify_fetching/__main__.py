"""cloudify_fetching install NAME[=VERSION]...    Debian packages in one transaction
cloudify_fetching download NAME[=VERSION]...      packages into the current folder
cloudify_fetching update                          apt's lists
cloudify_fetching watch PROGRAM ARGUMENT...       a program that runs apt, which is told to show its messages

`--tries N --pause SECONDS` may stand before the verb. Exit status: 0, or 1 with the
reason; 75 where a watched program was ended because a mirror hangs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cloudify_fetching.apt import PAUSE_SECONDS, TRIES, WHERE, Apt, AptReader
from cloudify_fetching.watch import next_step, watch

HUNG = 75


def main(arguments: Sequence[str]) -> int:
    """Do what the first argument says."""
    parser = argparse.ArgumentParser(prog="cloudify_fetching", description=__doc__)
    parser.add_argument("verb", choices=("install", "download", "update", "watch"))
    parser.add_argument("--tries", type=int, default=TRIES)
    parser.add_argument("--pause", type=float, default=PAUSE_SECONDS)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    apt = Apt(given.tries, given.pause)
    if given.verb == "watch":
        return _watch(given.words)
    if given.verb == "update":
        return 0 if apt.update() else 1
    return apt.install(given.words) if given.verb == "install" else apt.download(given.words)


def _watch(argv: Sequence[str]) -> int:
    outcome = watch(argv, AptReader())
    print("\n".join(outcome.lines))
    if outcome.hung:
        print(next_step(outcome, WHERE))
        return HUNG
    return outcome.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
