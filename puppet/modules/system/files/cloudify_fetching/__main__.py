"""fetch install NAME[=VERSION]...            Debian packages in one transaction
fetch download NAME[=VERSION]...           packages into the current folder
fetch unpack NAME=VERSION FOLDER PATH...   these paths of a package as a folder; the package is not installed
fetch update                               apt's lists
fetch add-source FILE                      has apt know a file of sources, and fetches its lists
fetch installed NAME[=VERSION]...          whether all of these are installed
fetch known NAME=VERSION                   whether it is installed, or in apt's lists
fetch watch PROGRAM ARGUMENT...            a program that runs apt, which is told to show its messages

`--tries N --pause SECONDS` may stand before the verb. Exit status: 0, or 1 with the
reason, or where the answer is no; 75 where a watched program was ended because a mirror hangs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cloudify_fetching.apt import PAUSE_SECONDS, TRIES, WHERE, Apt, AptReader
from cloudify_fetching.debian import add_source, are_installed, is_known, lists_of, unpack
from cloudify_fetching.watch import next_step, watch

HUNG = 75
Words = Sequence[str]


def main(arguments: Words) -> int:
    """Do what the verb says."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="fetch", description=__doc__, formatter_class=as_written)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--tries", type=int, default=TRIES)
    parser.add_argument("--pause", type=float, default=PAUSE_SECONDS)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    return VERBS[given.verb](Apt(given.tries, given.pause), given.words)


def _watch(argv: Words) -> int:
    outcome = watch(argv, AptReader())
    print("\n".join(outcome.lines))
    if outcome.hung:
        print(next_step(outcome, WHERE))
        return HUNG
    return outcome.code


def _add_source(words: Words) -> int:
    (source,) = map(Path, words)
    add_source(source)
    return _watch(lists_of(source))


VERBS: Mapping[str, Callable[[Apt, Words], int]] = {
    "install": lambda apt, words: apt.install(words),
    "download": lambda apt, words: apt.download(words),
    "unpack": lambda apt, words: unpack(apt, words[0], Path(words[1]), words[2:]),
    "update": lambda apt, _: 0 if apt.update() else 1,
    "add-source": lambda _, words: _add_source(words),
    "installed": lambda _, words: 0 if are_installed(words) else 1,
    "known": lambda _, words: 0 if is_known(words[0]) else 1,
    "watch": lambda _, words: _watch(words),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
