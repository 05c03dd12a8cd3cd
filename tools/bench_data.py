"""`make bench-data`: measure the saving of data, and write docs/benchmarks-data.md.

    python -m tools.bench_data docs/benchmarks-data.md [--only NAME ...] [--runs N] [--work FOLDER]

The figures of parts that are not measured now are taken from FOLDER/figures.json, if they are there. --short takes few
and small files, to see that all parts run; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from cloudify_scipion.adapters.local.tree import remove_tree
from tools.benchmarks import data, facts
from tools.benchmarks.progress import say
from tools.benchmarks.report import Part, document, from_json, to_json
from tools.benchmarks.workplace import PARENT, workplace

REPOSITORY = Path(__file__).resolve().parents[1]
PARTS = {
    "beside": ("The agent beside rsync and rclone", data.beside_others),
    "calls": ("Calls for each small file", data.calls),
    "far": ("First copies where every call takes its time", data.far),
    "slow": ("Where every call takes its time", data.slow),
    "many": ("A million files", data.many),
}


def main() -> None:
    """Measure the parts asked for, and write the page after each."""
    options = _options()
    sizes = data.SHORT if options.short else data.FULL
    with workplace(options.work, options.at) as work:
        kept = work / "figures.json"
        parts = from_json(json.loads(kept.read_text())) if kept.exists() else {}
        for name in options.only or PARTS:
            parts[name] = measured(name, work, options.runs, sizes)
            kept.write_text(json.dumps(to_json(parts), indent=1))
            text = document(facts.machine(), [parts[part] for part in PARTS if part in parts], "make bench-data")
            print(text, flush=True)
            if options.page:
                options.page.write_text(text)


def measured(name: str, work: Path, runs: int, sizes: data.Sizes) -> Part:
    """Measure one part in a folder that is removed afterwards."""
    title, measure = PARTS[name]
    say(f"{title} ({name}), {runs} runs")
    before, folder = facts.load(), work / name
    remove_tree(folder)  # of one that was killed
    folder.mkdir(parents=True)
    try:
        figures, notes = measure(folder, runs, sizes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what is still mounted there is unmounted and removed at the end
    command = f"python -m tools.bench_data --only {name} --runs {runs}"
    load = (before, facts.load())
    return Part(name, title, command, facts.commit(REPOSITORY), facts.now(), load, figures, notes)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="?", type=Path)
    parser.add_argument("--only", action="append", choices=list(PARTS), metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--work", type=Path, help="folder for figures; kept")
    parser.add_argument("--at", type=Path, default=PARENT, help=f"where such a folder is made (default: {PARENT})")
    parser.add_argument("--short", action="store_true", help="few and small files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
