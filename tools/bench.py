"""`make bench`: measure what the issue limits, and write docs/benchmarks.md.

    python -m tools.bench docs/benchmarks.md [--only NAME ...] [--runs N] [--work FOLDER] [--wait MINUTES]

With --work, figures, logs and the cache stay in that folder, and a later call adds to them; without, nothing is left.
Ended by a signal, it clears what it made; what is left of one that was killed, the next one clears.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from tools.benchmarks import commands, desktop, facts, installs
from tools.benchmarks.progress import say
from tools.benchmarks.report import Figure, Part, document, from_json, to_json
from tools.benchmarks.workplace import PARENT, workplace

REPOSITORY = Path(__file__).resolve().parents[1]
TITLES = {
    "commands": "Commands",
    "cold": "Cold install: what is not Debian's, Puppet's or RELION's",
    "warm": "Warm install up to the first frame in the browser",
    "again": "Install again with nothing to do",
    "desktop": "The desktop in the browser",
}


def main() -> None:
    """Measure the parts asked for, and write the page after each."""
    options = _options()
    with workplace(options.work, options.at) as work:
        kept = work / "figures.json"
        parts = from_json(json.loads(kept.read_text())) if kept.exists() else {}
        for name in options.only or TITLES:
            facts.wait_until_quiet(options.wait)
            parts[name] = _part(name, work, options.runs)
            kept.write_text(json.dumps(to_json(parts), indent=1))
            _write(options.page, parts)


def _part(name: str, work: Path, runs: int) -> Part:
    command = f"python -m tools.bench --only {name} --runs {runs}"
    say(f"{TITLES[name]} ({name}), {runs} runs")
    part = Part(name, TITLES[name], command, facts.commit(REPOSITORY), facts.now())
    before = facts.load()
    figures, notes = _measured(name, work, runs)
    return replace(part, figures=figures, notes=notes, load=(before, facts.load()))


def _measured(name: str, work: Path, runs: int) -> tuple[list[Figure], list[str]]:
    root = work / "state"
    if name == "cold":
        return installs.cold(work, root, runs), [installs.COLD_NOTE]
    root.mkdir(mode=0o700, exist_ok=True)
    installation = installs.prepared(root, work / "folder")
    if name == "commands":
        return commands.measure(installation, runs), []
    parts = {"warm": installs.warm, "again": installs.again, "desktop": desktop.measure}
    return parts[name](installation, runs)


def _write(page: Path | None, parts: dict[str, Part]) -> None:
    text = document(facts.machine(), [parts[name] for name in TITLES if name in parts])
    print(text)
    if page:
        page.write_text(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what the issue limits.")
    parser.add_argument("page", nargs="?", type=Path, help="file to write, such as docs/benchmarks.md")
    parser.add_argument("--only", action="append", choices=list(TITLES), metavar="NAME", help=", ".join(TITLES))
    parser.add_argument("--runs", type=int, default=3, help="runs of each part (default: 3)")
    parser.add_argument("--work", type=Path, help="folder for figures, logs and the cache; kept")
    parser.add_argument("--at", type=Path, default=PARENT, help=f"where such a folder is made (default: {PARENT})")
    parser.add_argument("--wait", type=float, default=0.0, metavar="MINUTES", help="wait so long for a quiet machine")
    return parser.parse_args()


if __name__ == "__main__":
    main()
