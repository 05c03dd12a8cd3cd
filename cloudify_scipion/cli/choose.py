"""`cloudify-scipion choose`: what a project needs, and which flavour of a site is the smallest that fits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.sizing.choose_flavour import Choice, Verdict, choose
from cloudify_scipion.catalogue.sizing.needs import Needs, needs_of
from cloudify_scipion.catalogue.sizing.phases import CAVEAT, Part, Plan, plan
from cloudify_scipion.catalogue.sizing.steps import workload_of
from cloudify_scipion.catalogue.software.fit_site import site_notes, site_problems
from cloudify_scipion.catalogue.software.resolve import software_problems
from cloudify_scipion.cli import choose_text as words
from cloudify_scipion.cli.console import aligned, error_document, errors_as_json, fail, json_option, say, say_json
from cloudify_scipion.cli.inputs import load_known, project_argument, site_option
from cloudify_scipion.errors import PermanentError, ScipionError
from cloudify_scipion.project.load import Loaded

_LABELS = {
    "cpus": "cores", "ram_gb": "RAM, GB", "disk_gb": "root disk, GB", "gpus": "graphics cards",
    "gpu_memory_gb": "memory of a card, GB", "compute_capability": "compute capability",
}  # fmt: skip


@click.command("choose")
@project_argument
@site_option
@json_option
def choose_command(project: Path, site: Path, as_json: bool) -> None:
    """Choose the smallest flavour of a site that fits the project file PROJECT.

    Prints what the project needs and why, every flavour with why it fits or not, the choice, and a plan of phases. Exit
    code 0: chosen. 1: nothing fits. 2: something is wrong with the files.
    """
    with errors_as_json(as_json):
        choice, phases, notes, failed = _answer(project, site)
    if as_json:
        say_json({**as_document(choice, phases, notes), **(error_document(failed) if failed else {})})
    else:
        _say_all(choice, phases, notes)
        if failed:
            fail(failed)
    raise SystemExit(1 if failed else 0)


def _answer(project: Path, site: Path) -> tuple[Choice, Plan, tuple[str, ...], ScipionError | None]:
    """The choice, the phase plan, notes, and the error if nothing fits."""
    loaded = load_known(project, site)
    if not loaded.site.flavours:
        raise PermanentError(f"the site {loaded.site.name} has no flavours", f"list them in {site} (flavours)")
    work = workload_of(loaded.project, load_catalogue(), loaded.site.cuda)
    choice = choose(needs_of(work), loaded.site)
    phases = plan(work, choice, loaded.site)
    hours_notes = _time_notes(phases, loaded.project.time_limit.days)
    notes = (*words.step_notes(work), *words.choice_notes(choice, loaded.site), *hours_notes, *_software_notes(loaded))
    return choice, phases, notes, words.nothing_fits(choice, loaded.site, str(project))


def _time_notes(phases: Plan, days: int) -> Iterator[str]:
    """Whether computing alone takes most of the time limit; a person's work comes on top."""
    if phases.whole_hours and phases.whole_hours / 24 > days / 2:
        computing = f"{phases.whole_hours / 24:.0f} days"
        yield f"computing alone takes about {computing} of the {days} days of the time limit (time_limit.days)"


def _software_notes(loaded: Loaded) -> Iterator[str]:
    """What keeps the software from being installed: no hindrance to a choice, but good to know."""
    request, catalogue = loaded.project.software, load_catalogue()
    found = software_problems(request, catalogue), site_problems(request, loaded.site, catalogue)
    for path, message in itertools.chain(*found):
        yield f"the install will refuse {path}: {message}"
    yield from site_notes(request, loaded.site, catalogue)


def as_document(choice: Choice, phases: Plan, notes: Sequence[str] = ()) -> dict[str, Any]:
    """The whole answer for programs."""
    return {
        "ok": choice.flavour is not None,
        "chosen": choice.flavour.name if choice.flavour else None,
        "without_gpu": choice.without_gpu,
        "duration": words.duration_text(choice),
        "needs": _needs_document(choice.needs),
        "flavours": [_verdict_document(verdict, choice) for verdict in choice.verdicts],
        "phases": _plan_document(phases),
        "notes": list(notes),
        "problems": [],
    }


def _needs_document(needs: Needs) -> dict[str, Any]:
    found = {key: getattr(needs, key) for key in _LABELS}
    return {key: {"value": need.value, "reason": words.need_text(need)} for key, need in found.items()}


def _verdict_document(verdict: Verdict, choice: Choice) -> dict[str, Any]:
    chosen = verdict.flavour is choice.flavour
    said = {"chosen": chosen, "fits": chosen or not verdict.misfits}
    reasons = [] if chosen else words.misfit_texts(verdict)
    return {"name": verdict.flavour.name, **said, "reasons": reasons, "sentence": words.verdict_text(verdict, choice)}


def _plan_document(phases: Plan) -> dict[str, Any]:
    numbers = ("whole_hours", "whole_gpu_hours", "hours", "gpu_hours", "hours_saved", "gpu_hours_saved")
    rounded = {key: _rounded(getattr(phases, key)) for key in numbers}
    return {
        "parts": [_part_document(part) for part in phases.parts],
        **rounded,
        "because": list(phases.because),
        "caveat": CAVEAT,
    }


def _part_document(part: Part) -> dict[str, Any]:
    hours = [{"hours": _rounded(item.value), "reason": words.hours_text(item)} for item in part.hours]
    named = {"title": part.title, "flavour": part.flavour.name, "steps": list(part.steps)}
    return {**named, "needs": _needs_document(part.needs), "hours": _rounded(part.total), "reasons": hours}


def _say_all(choice: Choice, phases: Plan, notes: Sequence[str]) -> None:
    for lines in (_needs_lines(choice.needs), _table(choice), _choice_lines(choice), _plan_lines(phases)):
        for line in lines:
            say(line)
    for note in notes:
        say(f"note: {note}")


def _needs_lines(needs: Needs) -> Iterator[str]:
    yield "needs"
    found = [(label, getattr(needs, key)) for key, label in _LABELS.items()]
    yield from aligned([(label, words.exact(need.value), words.need_text(need)) for label, need in found])


def _table(choice: Choice) -> Iterator[str]:
    yield ""
    yield "flavours"
    rows = [("", "name", "cores", "RAM GB", "GPUs", "card", "GB", "capability")]
    for verdict in choice.verdicts:
        flavour, card = verdict.flavour, verdict.flavour.gpu
        mark = "*" if flavour is choice.flavour else "-" if verdict.misfits else "+"
        cells = (mark, flavour.name, f"{flavour.cpus}", words.exact(flavour.ram_gb), f"{flavour.gpus}")
        of_card = (card.name, words.exact(card.memory_gb), words.exact(card.compute_capability)) if card else ("",) * 3
        rows.append((*cells, *of_card))
    yield from aligned(rows)
    yield "  (* chosen, + fits, - does not fit)"
    yield from (f"  {words.verdict_text(verdict, choice)}" for verdict in choice.verdicts)


def _choice_lines(choice: Choice) -> Iterator[str]:
    if choice.flavour is None:
        return
    yield ""
    yield f"choice: {choice.flavour.name}"
    if duration := words.duration_text(choice):
        yield f"  {duration}"


def _plan_lines(phases: Plan) -> Iterator[str]:
    yield ""
    yield "phases"
    for part in phases.parts:
        yield f"  {part.title}: {part.flavour.name}, {_hours(part.total)} (needs {_short(part.needs)})"
        yield from (f"    {_hours(item.value)}: {words.hours_text(item)}" for item in part.hours)
    yield from (f"  {reason}" for reason in phases.because)
    if phases.parts:
        yield f"  {_saving(phases)}"


def _short(needs: Needs) -> str:
    cards = f", {needs.gpus.value:g} GPU with {needs.gpu_memory_gb.value:g} GB" if needs.gpus.value else ""
    return f"{needs.cpus.value:g} cores, {needs.ram_gb.value:g} GB of RAM{cards}"


def _saving(phases: Plan) -> str:
    if phases.hours_saved is None or phases.gpu_hours_saved is None:
        return "what this saves cannot be said: not every step's hours are known"
    difference = round(phases.hours_saved, 1)
    computing = f"{abs(difference):.1f} hours {'less' if difference > 0 else 'more'}" if difference else "as long"
    whole = f"on one flavour: {phases.whole_hours:.1f} hours, {phases.whole_gpu_hours:.1f} GPU hours"
    saved = round(phases.gpu_hours_saved, 1)
    return f"saves {f'{saved:.1f}' if saved else 'no'} GPU hours; computing takes {computing} ({whole}; {CAVEAT})"


def _hours(value: float | None) -> str:
    return "hours not known" if value is None else f"{value:.1f} h"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
