"""The parts `cold`, `warm` and `again`: real installs of the demo, in state roots of their own."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import yaml

from cloudify_scipion.adapters.local.tree import remove_tree
from cloudify_scipion.adapters.tarball import read_files
from cloudify_scipion.lifecycle.configure import project_run
from cloudify_scipion.lifecycle.layer import software_layer
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.resources import made_files, puppet_folder, shipped_files
from tests.browser.desktop_browser import browser, open_desktop
from tests.installation import DEMO, SITE, Installation, remove, write_project
from tests.realhost import free_port
from tools.benchmarks.commands import kept_log
from tools.benchmarks.hand import Hand
from tools.benchmarks.log import Span, changed, cold_parts, operations, parse
from tools.benchmarks.progress import say
from tools.benchmarks.report import Figure

Install = Callable[[Installation, str], tuple[float, str]]
COLD, WARM_RATIO, AGAIN = 20.0, 1.15, 6.0
WARM_PROJECT = "bench-warm"
FRAME_SECONDS = 60.0
COLD_NOTE = """Base, Puppet and workflow are taken from the log's timestamps: from "building the base system ..." to its
"done", from "Puppet applies the ... run ..." to its "done", and from the first to the last "workflow: ..." line."""


def cold(work: Path, warm_root: Path, runs: int, install: Install | None = None) -> list[Figure]:
    """Installs with nothing cached; the last one's cache is left in `warm_root`, if nothing is there."""
    install = install or timed_install
    walls, parts = [], []
    for number in range(runs):
        root = work / f"cold-{number}"
        root.mkdir(mode=0o700)
        installation = prepared(root, work / f"cold-{number}-folder")
        try:
            seconds, log = install(installation, rendered(installation, DEMO))
            kept_log(installation, "install", log)
        finally:
            remove(installation, DEMO.stem)
        walls.append(seconds)
        parts.append(cold_parts(log))
        if number == runs - 1 and (root / "cache").is_dir() and not (warm_root / "cache/layers").exists():
            warm_root.mkdir(mode=0o700, exist_ok=True)
            (root / "cache").rename(warm_root / "cache")
        remove_tree(root)
    own = [part.own(wall) for part, wall in zip(parts, walls, strict=True)]
    return [
        Figure("`cfy install`", walls),
        Figure("the base system's build", [part.base for part in parts]),
        Figure("Puppet's runs, apt and pip included", [part.puppet for part in parts]),
        Figure("the workflow's run", [part.workflow for part in parts]),
        Figure("all the rest", own, limit=COLD),
    ]


def warm(installation: Installation, runs: int) -> tuple[list[Figure], list[str]]:
    """Ours and by hand in turn, each to the first frame in a browser that is open already."""
    path = write_project(installation.folder / "projects", id=WARM_PROJECT, workflow={"run": False})
    rendered(installation, path)
    cached(installation)
    ours_spans, hand_spans = [], []
    for number in range(runs):
        spans, record = _ours(installation, number)
        ours_spans.append(spans)
        hand_spans.append(_by_hand(installation, number, record))
    ours, hand = [_total(spans) for spans in ours_spans], [_total(spans) for spans in hand_spans]
    ratios = [a / b for a, b in zip(ours, hand, strict=True)]
    figures = [
        Figure("from `cfy install` to the first frame", ours),
        Figure("the same by hand", hand),
        Figure("ratio", ratios, "", WARM_RATIO, median(ours) / median(hand)),
    ]
    return figures, [breakdown("ours", ours_spans), breakdown("by hand", hand_spans)]


def again(installation: Installation, runs: int, project: Path = DEMO) -> tuple[list[Figure], list[str]]:
    """Installs over an existing deployment whose workflow has ended: every operation runs, nothing is to be done."""
    name = rendered(installation, project)
    try:
        if installation.services().projects.load(name) is None:
            kept_log(installation, "first", timed_install(installation, name)[1])
        walls, resources, spans = [], [], []
        for number in range(runs):
            seconds, log = timed_install(installation, name)
            kept_log(installation, f"again-{number}", log)
            walls.append(seconds)
            resources.append(float(sum(changed(log).values())))
            spans.append(_with_rest(operations(parse(log)), seconds, "cfy itself"))
    finally:
        remove(installation, name)
    figures = [Figure("`cfy install` once more", walls, limit=AGAIN), Figure("resources changed", resources, "", 0)]
    return figures, [breakdown("by operation", spans)]


def prepared(root: Path, folder: Path) -> Installation:
    """An installation over the state root `root`; cfy is initialised."""
    folder.mkdir(exist_ok=True)
    installation = Installation(root, folder)
    installation.run("cfy", "profiles", "use", "local")
    return installation


def rendered(installation: Installation, project: Path) -> str:
    """Render a project on a site whose ports no other installation takes meanwhile; the deployment's name."""
    site = installation.folder / "site.yaml"
    values = {**yaml.safe_load(SITE.read_text()), "ports": {"first": 24000, "last": 24999}}
    site.write_text(yaml.safe_dump(values))
    return installation.render(project, site).name


def cached(installation: Installation) -> None:
    """Have the warm project's software layer in the cache, and what is read from disk in memory, for both ways."""
    try:
        timed_install(installation, WARM_PROJECT)
    finally:
        remove(installation, WARM_PROJECT)


def timed_install(installation: Installation, name: str) -> tuple[float, str]:
    """Seconds of `cfy install`, and what it printed."""
    say(f"cfy install {name}")
    began = time.monotonic()
    log = installation.install(name)
    return time.monotonic() - began, log


def breakdown(name: str, runs: Sequence[Sequence[Span]]) -> str:
    """Medians of what took how long, in one line of text."""
    medians = [(span.name, median([run[n].seconds for run in runs])) for n, span in enumerate(runs[0])]
    return f"Seconds {name}: " + ", ".join(f"{what} {seconds:.1f}" for what, seconds in medians) + "."


def _with_rest(spans: Sequence[Span], wall: float, name: str) -> list[Span]:
    return [*spans, Span(name, wall - sum(span.seconds for span in spans))]


def _ours(installation: Installation, number: int) -> tuple[list[Span], Record]:
    with browser() as page:
        try:
            seconds, log = timed_install(installation, WARM_PROJECT)
            kept_log(installation, f"warm-{number}", log)
            if "starting from the cached software layer" not in log:
                raise RuntimeError("this install was not warm")
            spans = _with_rest(operations(parse(log)), seconds, "cfy itself")
            began = time.monotonic()
            told = installation.run("cloudify-scipion", "open", WARM_PROJECT).splitlines()
            spans.append(Span("cloudify-scipion open", time.monotonic() - began))
            link = next(line for line in told if line.startswith("http"))
            spans.append(Span("first frame", open_desktop(page, link, FRAME_SECONDS)))
            return spans, installation.record(WARM_PROJECT)
        finally:
            remove(installation, WARM_PROJECT)


def _by_hand(installation: Installation, number: int, record: Record) -> list[Span]:
    work = installation.root / f"by-hand-{number}"
    work.mkdir(mode=0o711)
    say("the same by hand")
    typed = _hand(installation, work, record)
    with browser() as page:
        try:
            link = typed.up()
            typed.spans.append(Span("first frame", open_desktop(page, link, FRAME_SECONDS)))
        finally:
            typed.down()
    shutil.rmtree(work)
    return typed.spans


def _hand(installation: Installation, work: Path, record: Record) -> Hand:
    """What a person has ready: the layer, Puppet's code and its data, the workflow."""
    services = installation.services()
    software = software_layer(services, record)
    classes, project = project_run(services, record)
    data: dict[str, Mapping[str, object]] = {
        "software": {**software.data, "classes": list(software.classes)},
        "project": {**project, "classes": classes, "desktop::start": True},
    }
    cache = installation.root / "cache"
    code = work / "code"
    for name, content in {**read_files(shipped_files(puppet_folder())), **made_files()}.items():
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_bytes(content)
    return Hand(
        work=work,
        lowers=(
            cache / "layers" / record.layer / "root",
            cache / "base" / services.of(record).machines.base_digest() / "root",
        ),
        code=code,
        data={run: yaml.safe_dump(values) for run, values in data.items()},
        workflow=json.dumps(record.settings["workflow"]["protocols"]).encode(),
        project=WARM_PROJECT,
        ports=(free_port(), free_port()),
    )


def _total(spans: Sequence[Span]) -> float:
    return sum(span.seconds for span in spans)
