"""`make bench-data`: measure the saving of data, and write docs/benchmarks-data.md.

    python -m tools.bench_data docs/benchmarks-data.md [--only NAME ...] [--runs N] [--work FOLDER]

The figures of parts that are not measured now are taken from FOLDER/figures.json, if they are there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from tools.benchmarks import data, facts
from tools.benchmarks.report import Part, document, from_json, to_json

REPOSITORY = Path(__file__).resolve().parents[1]
PARTS = {
    "beside": ("The agent beside rsync and rclone", data.beside_others),
    "calls": ("Calls for each small file", data.calls),
    "slow": ("Where every call takes its time", data.slow),
    "many": ("A million files", data.many),
}


def main() -> None:
    """Measure the parts asked for, and write the page after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="?", type=Path)
    parser.add_argument("--only", action="append", choices=list(PARTS), metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--work", type=Path, help="folder for figures; kept")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="cloudify-scipion-bench.", dir="/var/tmp"))
    kept = work / "figures.json"
    parts = from_json(json.loads(kept.read_text())) if kept.exists() else {}
    try:
        for name in options.only or PARTS:
            parts[name] = measured(name, work, options.runs)
            kept.write_text(json.dumps(to_json(parts), indent=1))
            text = document(facts.machine(), [parts[part] for part in PARTS if part in parts], "make bench-data")
            print(text)
            if options.page:
                options.page.write_text(text)
    finally:
        if not options.work:
            shutil.rmtree(work)


def measured(name: str, work: Path, runs: int) -> Part:
    """Measure one part in a folder that is removed afterwards."""
    title, measure = PARTS[name]
    before, folder = facts.load(), work / name
    folder.mkdir(parents=True)
    try:
        figures, notes = measure(folder, runs)
    finally:
        shutil.rmtree(folder)
    command = f"python -m tools.bench_data --only {name} --runs {runs}"
    load = (before, facts.load())
    return Part(name, title, command, facts.commit(REPOSITORY), facts.now(), load, figures, notes)


if __name__ == "__main__":
    main()
