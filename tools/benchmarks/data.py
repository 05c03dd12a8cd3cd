"""`make bench-data`: the agent beside rsync and rclone, over the same FUSE mount."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.hostile.space import HostileSpace
from tests.unit.agent.rig import Rig
from tools.benchmarks.report import Figure

SMALL, SMALL_BYTES, LARGE, LARGE_BYTES = 100_000, 2_048, 200, 5_000_000
CHANGES = 100
SLOW_FILES, SLOW_SECONDS = 10_000, 0.002
MANY = 1_000_000
OPPONENTS: Mapping[str, tuple[str, ...]] = {
    "rsync": ("rsync", "-a", "--delete"),
    "rclone": ("rclone", "sync", "--links", "--quiet"),
}
LIMITS = {"first push": 1.1, "unchanged push": 0.4, f"push of {CHANGES} changes": 0.5, "first pull": 1.1}
COUNTED = 1_000
NOTES = [
    "Every run begins with cold caches and ends with a `sync`; the agent's includes the start of its process and its "
    "manifest. The faster opponent counts. The mount is bindfs, which answers one call after the other.",
    "Why the first push and pull are slower than the fastest: how many calls there are for a file decides (see below). "
    "rclone writes a small file under its own name; the agent under another one, looks whether something is in its "
    "place, and renames it, as rsync does. The agent's pull takes each file's digest; and it is written in Python, "
    "whose threads wait for each other.",
]


@dataclass
class Bench:
    """Where a benchmark works: a volume with the working copy, and the folder behind the data space."""

    work: Path
    mount: Path = field(init=False)
    rig: Rig = field(init=False)

    def __post_init__(self) -> None:
        self.mount = self.work / "mount"
        self.mount.mkdir(parents=True, exist_ok=True)
        self.rig = Rig(self.work / "volume", self.mount)

    @property
    def back(self) -> Path:
        """The folder behind the mount."""
        return self.work / "back"

    def agent(self, work: str, rig: Rig | None = None) -> None:
        """A work of the agent, in a process of its own, as systemd starts it."""
        rig = rig or self.rig
        config = rig.root / "config.json"
        config.write_text(json.dumps(rig.document()))
        run(sys.executable, "-m", "cloudify_scipion.agent", "--config", str(config), "run", work)

    def fresh_space(self) -> None:
        """An empty folder behind the mount."""
        for folder in (self.back, self.rig.root / "agent"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()


def fill(folder: Path, files: int, size: int, large: int = 0, large_size: int = 0) -> None:
    """Files of yesterday with random content, 500 in each folder."""
    for number in range(files):
        path = folder / f"{number // 500:04d}" / f"{number:07d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    for number in range(large):
        path = folder / "large" / f"{number:04d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(large_size))
    run("find", str(folder), "-type", "f", "-exec", "touch", "-d", "yesterday", "{}", "+")


def change(folder: Path, number: int) -> None:
    """New content for CHANGES files, others each time."""
    for path in sorted(folder.glob("*/*.bin"))[number * CHANGES : (number + 1) * CHANGES]:
        path.write_bytes(os.urandom(path.stat().st_size))
        os.utime(path, (time.time() - 3600, time.time() - 3600 - number))


@contextmanager
def bindfs(back: Path, mount: Path) -> Iterator[None]:
    """The data space, behind a FUSE."""
    run("bindfs", str(back), str(mount))
    try:
        yield
    finally:
        run("fusermount", "-u", str(mount))


def timed(do: Callable[[], object]) -> float:
    """Seconds, from cold caches until all is on the disk."""
    run("sync")
    Path("/proc/sys/vm/drop_caches").write_text("3")
    began = time.monotonic()
    do()
    run("sync")
    return time.monotonic() - began


def beside_others(work: Path, runs: int) -> tuple[list[Figure], list[str]]:
    """The four things that are compared."""
    bench = Bench(work)
    fill(bench.rig.user, SMALL, SMALL_BYTES, LARGE, LARGE_BYTES)
    samples: dict[tuple[str, str], list[float]] = {}
    for number in range(runs):
        for name in ("agent", *OPPONENTS):
            bench.fresh_space()
            with bindfs(bench.back, bench.mount):
                for what, seconds in _one_round(bench, name, number):
                    samples.setdefault((what, name), []).append(seconds)
    figures = []
    for what, limit in LIMITS.items():
        figures += [Figure(f"{what}: {name}", samples[what, name]) for name in ("agent", *OPPONENTS)]
        figures.append(_ratio(what, limit, {name: samples[what, name] for name in ("agent", *OPPONENTS)}))
    figures.append(Figure("scan of the data space: agent", samples["scan", "agent"]))
    return figures, NOTES


def _one_round(bench: Bench, name: str, number: int) -> Iterator[tuple[str, float]]:
    user, empty = bench.rig.user, bench.work / "pulled"
    shutil.rmtree(empty, ignore_errors=True)
    if name != "agent":
        copy = (*OPPONENTS[name], f"{user}/", f"{bench.mount}/")
        yield "first push", timed(lambda: run(*copy))
        yield "unchanged push", timed(lambda: run(*copy))
        change(user, number)
        yield f"push of {CHANGES} changes", timed(lambda: run(*copy))
        empty.mkdir()
        yield "first pull", timed(lambda: run(*OPPONENTS[name], f"{bench.mount}/", f"{empty}/"))
        return
    bench.agent("pull")  # of nothing, with the lease
    yield "first push", timed(lambda: bench.agent("push"))
    bench.agent("push")  # files that were young are known for sure from now on
    yield "unchanged push", timed(lambda: bench.agent("push"))
    change(user, number)
    yield f"push of {CHANGES} changes", timed(lambda: bench.agent("push"))
    yield "scan", timed(lambda: bench.agent("scan"))
    other = Rig(empty, bench.mount, machine="other", generation=2)
    yield "first pull", timed(lambda: bench.agent("pull", other))


def _ratio(what: str, limit: float, samples: Mapping[str, list[float]]) -> Figure:
    middle = {name: sorted(times)[len(times) // 2] for name, times in samples.items()}
    best = min(middle[name] for name in OPPONENTS)
    pairs = zip(samples["agent"], *(samples[name] for name in OPPONENTS), strict=True)
    return Figure(
        f"{what}: ratio to the faster one",
        [ours / min(others) for ours, *others in pairs],
        "",
        limit,
        middle["agent"] / best,
    )


def calls(work: Path, runs: int) -> tuple[list[Figure], list[str]]:
    """How many calls each makes for a small file."""
    bench = Bench(work)
    fill(bench.rig.user, COUNTED, SMALL_BYTES)
    bench.back.mkdir(exist_ok=True)
    figures = []
    with HostileSpace(bench.back, kernel_cache=1) as space:
        rig = Rig(bench.rig.root, space.mountpoint)
        other = Rig(work / "pulled", space.mountpoint, machine="other", generation=2)
        bench.agent("pull", rig)
        todo: dict[str, Callable[[], None]] = {
            "first push: agent": lambda: bench.agent("push", rig),
            "first pull: agent": lambda: bench.agent("pull", other),
        }
        for name, words in OPPONENTS.items():
            there, here = f"{space.mountpoint / name}/", f"{work / name}/"
            todo[f"first push: {name}"] = partial(run, *words, f"{rig.user}/", there)
            todo[f"first pull: {name}"] = partial(run, *words, there, here)
        for what, do in todo.items():
            space.reset_calls()
            do()
            figures.append(Figure(what, [sum(space.calls().values()) / COUNTED], ""))
    return figures, [f"{COUNTED} files of {SMALL_BYTES} bytes; the kernel remembers attributes for a second."]


def slow(work: Path, runs: int) -> tuple[list[Figure], list[str]]:
    """An unchanged push where every call takes its time, and the calls that it makes."""
    bench = Bench(work)
    fill(bench.rig.user, SLOW_FILES, SMALL_BYTES)
    bench.back.mkdir(exist_ok=True)
    samples: dict[str, list[float]] = {"agent": [], "rsync": []}
    calls: list[float] = []
    with HostileSpace(bench.back, kernel_cache=1) as counted, HostileSpace(bench.back) as space:
        for work_name in ("pull", "push", "push"):
            bench.agent(work_name, Rig(bench.rig.root, counted.mountpoint))
        for _ in range(runs):
            counted.reset_calls()
            bench.agent("push", Rig(bench.rig.root, counted.mountpoint))
            calls.append(float(sum(counted.calls().values())))
        rig, copied = Rig(bench.rig.root, space.mountpoint), space.mountpoint / "by-rsync"
        run(*OPPONENTS["rsync"], f"{rig.user}/", f"{copied}/")
        space.set(delay=SLOW_SECONDS)
        for _ in range(runs):
            samples["agent"].append(timed(lambda: bench.agent("push", rig)))
            samples["rsync"].append(timed(lambda: run(*OPPONENTS["rsync"], f"{rig.user}/", f"{copied}/")))
        space.good()
    ratio = [ours / theirs for ours, theirs in zip(samples["agent"], samples["rsync"], strict=True)]
    return [
        *(Figure(f"unchanged push: {name}", times) for name, times in samples.items()),
        Figure("unchanged push: ratio", ratio, "", 0.05),
        Figure("unchanged push: remote calls in all", calls, "", 5),
    ], [
        f"{SLOW_FILES} files of {SMALL_BYTES} bytes; every call takes {SLOW_SECONDS * 1000:g} ms more, and the kernel "
        "remembers no attributes. (Calls are counted where it remembers them for a second, as FUSE's default is; there "
        "rsync gets all of a folder's attributes with its listing.)"
    ]


def many(work: Path, runs: int) -> tuple[list[Figure], list[str]]:
    """The agent's memory with an index of a million files, and the time of a scan beside find(1)."""
    bench = Bench(work)
    fill(bench.rig.user, MANY, 1)
    bench.back.mkdir(exist_ok=True)
    rig = Rig(bench.rig.root, bench.back)
    for work_name in ("pull", "push", "push", "scan"):
        bench.agent(work_name, rig)
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(timed(lambda: bench.agent("push", rig)))
        theirs.append(timed(lambda: run("find", str(rig.user), "-fprintf", "/dev/null", "%P %s %T@ %C@ %i\\n")))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # the benchmark's own is smaller
    return [
        Figure("unchanged push: agent", ours),
        Figure("find -printf", theirs),
        Figure("ratio", [a / b for a, b in zip(ours, theirs, strict=True)], "", 4),
        Figure("the agent's largest memory, first push and scan of the data space included", [memory], "MB", 150),
    ], [f"{MANY} files of one byte, 500 in each folder."]


def run(*words: str) -> None:
    """A program, its output kept for an error."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr[-2000:]}{done.stdout[-500:]}")
