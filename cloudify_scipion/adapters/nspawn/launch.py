"""Started as a program of its own: joins control groups, leaves the caller's session, and becomes another program.

    python3 -I -S launch.py '{"groups": [...], "cwd": "...", "log": "...", "env": {...}}' PROGRAM ARGUMENT...

It returns at once; the program runs on without a parent that would have to wait for it. It imports nothing of ours, and
uses no thread, so that joining before the fork is safe.
"""

from __future__ import annotations

import json
import os
import sys


def main(plan: str, *argv: str) -> None:
    """Follow `plan`; only an error before the fork is reported by the exit code, later ones stand in the log."""
    wanted = json.loads(plan)
    for group in wanted["groups"]:
        with open(os.path.join(group, "cgroup.procs"), "w") as stream:  # noqa: PTH118, PTH123 - starts in 10 ms without pathlib
            stream.write("0")
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    if os.fork():
        os._exit(0)
    os.setsid()
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.umask(0o022)
    os.chdir(wanted["cwd"])
    os.execvpe(argv[0], list(argv), wanted["env"])


if __name__ == "__main__":
    main(*sys.argv[1:])
