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
from tools.benchmarks.progress import say
from tools.benchmarks.report import Figure


@dataclass(frozen=True)
class Sizes:
    """How many files there are, and of how many bytes."""

    small: int = 100_000
    small_bytes: int = 2_048
    large: int = 200
    large_bytes: int = 5_000_000
    changes: int = 100
    counted: int = 1_000
    far: int = 2_000
    slow_files: int = 10_000
    slow_seconds: float = 0.002
    many: int = 1_000_000


FULL = Sizes()
SHORT = Sizes(small=300, large=2, large_bytes=100_000, changes=3, counted=20, far=20, slow_files=30, many=500)
OPPONENTS: Mapping[str, tuple[str, ...]] = {
    "rsync": ("rsync", "-a", "--delete"),
    "rclone": ("rclone", "sync", "--links", "--quiet"),
}
LIMITS = {"first push": 1.1, "unchanged push": 0.4, "push of changes": 0.5, "first pull": 1.1}
FAR_LIMIT = 0.7
NOTES = [
    "Every run begins with cold caches and ends with a `sync`; the agent's includes the start of its process and its "
    "manifest. The faster opponent counts. The mount is bindfs, which answers one call after the other.",
    "Where the first push or pull is slower than the fastest: this mount answers at once, so that what counts is the "
    "work between two calls, and the agent is written in Python, whose threads take turns. The calls themselves are as "
    "few as the others' (see below): a name of its own while a file comes, its facts, its content and one rename. "
    "Where a call takes its time, as over a network, the agent is the fastest (see there).",
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

    def prepare(self, work: str, rig: Rig | None = None) -> None:
        """A work of the agent that is not measured, and that is told all the same, since it may take minutes."""
        say(f"agent: {work}, not measured")
        self.agent(work, rig)

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


def change(folder: Path, number: int, changes: int) -> None:
    """New content for so many files, others each time."""
    for path in sorted(folder.glob("*/*.bin"))[number * changes : (number + 1) * changes]:
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


def timed(do: Callable[[], object], what: str) -> float:
    """Seconds, from cold caches until all is on the disk."""
    say(what)
    run("sync")
    Path("/proc/sys/vm/drop_caches").write_text("3")
    began = time.monotonic()
    do()
    run("sync")
    return time.monotonic() - began


def beside_others(work: Path, runs: int, sizes: Sizes) -> tuple[list[Figure], list[str]]:
    """The four things that are compared."""
    bench = Bench(work)
    say(f"writing {sizes.small} small files and {sizes.large} large ones")
    fill(bench.rig.user, sizes.small, sizes.small_bytes, sizes.large, sizes.large_bytes)
    samples: dict[tuple[str, str], list[float]] = {}
    for number in range(runs):
        for name in ("agent", *OPPONENTS):
            bench.fresh_space()
            with bindfs(bench.back, bench.mount):
                for what, do in _one_round(bench, name, number, sizes.changes):
                    seconds = timed(do, f"run {number + 1} of {runs}, {name}: {what}")
                    samples.setdefault((what, name), []).append(seconds)
    figures = []
    for what, limit in LIMITS.items():
        named = what.replace("of changes", f"of {sizes.changes} changes")
        figures += [Figure(f"{named}: {name}", samples[what, name]) for name in ("agent", *OPPONENTS)]
        figures.append(_ratio(named, limit, {name: samples[what, name] for name in ("agent", *OPPONENTS)}))
    figures.append(Figure("scan of the data space: agent", samples["scan", "agent"]))
    return figures, NOTES


def _one_round(bench: Bench, name: str, number: int, changes: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is measured, one after the other; between two of them, what comes before the next."""
    user, empty = bench.rig.user, bench.work / "pulled"
    shutil.rmtree(empty, ignore_errors=True)
    if name != "agent":
        copy = (*OPPONENTS[name], f"{user}/", f"{bench.mount}/")
        yield "first push", lambda: run(*copy)
        yield "unchanged push", lambda: run(*copy)
        change(user, number, changes)
        yield "push of changes", lambda: run(*copy)
        empty.mkdir()
        yield "first pull", lambda: run(*OPPONENTS[name], f"{bench.mount}/", f"{empty}/")
        return
    bench.prepare("pull")  # of nothing, with the lease
    yield "first push", lambda: bench.agent("push")
    bench.prepare("push")  # files that were young are known for sure from now on
    yield "unchanged push", lambda: bench.agent("push")
    change(user, number, changes)
    yield "push of changes", lambda: bench.agent("push")
    yield "scan", lambda: bench.agent("scan")
    other = Rig(empty, bench.mount, machine="other", generation=2)
    yield "first pull", lambda: bench.agent("pull", other)


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


def calls(work: Path, runs: int, sizes: Sizes) -> tuple[list[Figure], list[str]]:
    """How many calls each makes for a small file."""
    bench = Bench(work)
    fill(bench.rig.user, sizes.counted, sizes.small_bytes)
    bench.back.mkdir(exist_ok=True)
    figures = []
    with HostileSpace(bench.back, kernel_cache=1) as space:
        for what, do in _first_copies(bench, space).items():
            say(what)
            space.reset_calls()
            do()
            figures.append(Figure(what, [sum(space.calls().values()) / sizes.counted], ""))
    what = f"{sizes.counted} files of {sizes.small_bytes} bytes"
    return figures, [f"{what}; the kernel remembers attributes for a second."]


def _first_copies(bench: Bench, space: HostileSpace) -> dict[str, Callable[[], None]]:
    """The first push and the first pull of the agent and of the others, to be done in this order."""
    rig = Rig(bench.rig.root, space.mountpoint)
    other = Rig(bench.work / "pulled", space.mountpoint, machine="other", generation=2)
    bench.prepare("pull", rig)
    todo: dict[str, Callable[[], None]] = {
        "first push: agent": lambda: bench.agent("push", rig),
        "first pull: agent": lambda: bench.agent("pull", other),
    }
    for name, words in OPPONENTS.items():
        there, here = f"{space.mountpoint / name}/", f"{bench.work / name}/"
        todo[f"first push: {name}"] = partial(run, *words, f"{rig.user}/", there)
        todo[f"first pull: {name}"] = partial(run, *words, there, here)
    return todo


def far(work: Path, runs: int, sizes: Sizes) -> tuple[list[Figure], list[str]]:
    """First push and first pull where every call takes its time."""
    samples: dict[str, list[float]] = {}
    for number in range(runs):
        bench = Bench(work / str(number))
        fill(bench.rig.user, sizes.far, sizes.small_bytes)
        bench.back.mkdir(exist_ok=True)
        with HostileSpace(bench.back, kernel_cache=1) as space:
            for what, do in _first_copies(bench, space).items():
                space.set(delay=sizes.slow_seconds)
                samples.setdefault(what, []).append(timed(do, f"run {number + 1} of {runs}: {what}"))
                space.good()
    figures = []
    for what in ("first push", "first pull"):
        names = {name: samples[f"{what}: {name}"] for name in ("agent", *OPPONENTS)}
        figures += [Figure(f"{what}: {name}", times) for name, times in names.items()]
        figures.append(_ratio(what, FAR_LIMIT, names))
    return figures, [
        f"{sizes.far} files of {sizes.small_bytes} bytes; every call takes {sizes.slow_seconds * 1000:g} ms more, "
        "several at once do not wait for each other, and the kernel remembers attributes for a second."
    ]


def slow(work: Path, runs: int, sizes: Sizes) -> tuple[list[Figure], list[str]]:
    """An unchanged push where every call takes its time, and the calls that it makes."""
    bench = Bench(work)
    fill(bench.rig.user, sizes.slow_files, sizes.small_bytes)
    bench.back.mkdir(exist_ok=True)
    samples: dict[str, list[float]] = {"agent": [], "rsync": []}
    calls: list[float] = []
    with HostileSpace(bench.back, kernel_cache=1) as counted, HostileSpace(bench.back) as space:
        for work_name in ("pull", "push", "push"):
            bench.prepare(work_name, Rig(bench.rig.root, counted.mountpoint))
        for number in range(runs):
            say(f"run {number + 1} of {runs}: counting calls")
            counted.reset_calls()
            bench.agent("push", Rig(bench.rig.root, counted.mountpoint))
            calls.append(float(sum(counted.calls().values())))
        rig, copied = Rig(bench.rig.root, space.mountpoint), space.mountpoint / "by-rsync"
        copy = (*OPPONENTS["rsync"], f"{rig.user}/", f"{copied}/")
        say("rsync: first push")
        run(*copy)
        space.set(delay=sizes.slow_seconds)
        for number in range(runs):
            turn = f"run {number + 1} of {runs}"
            samples["agent"].append(timed(lambda: bench.agent("push", rig), f"{turn}, agent: unchanged push"))
            samples["rsync"].append(timed(lambda: run(*copy), f"{turn}, rsync: unchanged push"))
        space.good()
    ratio = [ours / theirs for ours, theirs in zip(samples["agent"], samples["rsync"], strict=True)]
    return [
        *(Figure(f"unchanged push: {name}", times) for name, times in samples.items()),
        Figure("unchanged push: ratio", ratio, "", 0.05),
        Figure("unchanged push: remote calls in all", calls, "", 5),
    ], [
        f"{sizes.slow_files} files of {sizes.small_bytes} bytes; every call takes {sizes.slow_seconds * 1000:g} ms "
        "more, and the kernel remembers no attributes. (Calls are counted where it remembers them for a second, as "
        "FUSE's default is; there rsync gets all of a folder's attributes with its listing.)",
        "How many calls an unchanged push makes does not depend on the number of files: four names are looked up, and "
        "the lease is opened, read (is it still ours, or is there a copy of this machine?), written and closed. The "
        "limit of five is of the time when it was only written.",
    ]


def many(work: Path, runs: int, sizes: Sizes) -> tuple[list[Figure], list[str]]:
    """The agent's memory with an index of a million files, and the time of a scan beside find(1)."""
    bench = Bench(work)
    say(f"writing {sizes.many} files")
    fill(bench.rig.user, sizes.many, 1)
    bench.back.mkdir(exist_ok=True)
    rig = Rig(bench.rig.root, bench.back)
    for work_name in ("pull", "push", "push", "scan"):
        bench.prepare(work_name, rig)
    ours, theirs = [], []
    listing = ("find", str(rig.user), "-fprintf", "/dev/null", "%P %s %T@ %C@ %i\\n")
    for number in range(runs):
        ours.append(timed(lambda: bench.agent("push", rig), f"run {number + 1} of {runs}, agent: unchanged push"))
        theirs.append(timed(lambda: run(*listing), f"run {number + 1} of {runs}: find"))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # the benchmark's own is smaller
    return [
        Figure("unchanged push: agent", ours),
        Figure("find -printf", theirs),
        Figure("ratio", [a / b for a, b in zip(ours, theirs, strict=True)], "", 4),
        Figure("the agent's largest memory, first push and scan of the data space included", [memory], "MB", 150),
    ], [f"{sizes.many} files of one byte, 500 in each folder."]


def run(*words: str) -> None:
    """A program, its output kept for an error."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr[-2000:]}{done.stdout[-500:]}")
