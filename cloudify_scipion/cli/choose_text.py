"""The words of `choose`: why a number is what it is, why a flavour was taken or not, how long it takes, notes."""

from __future__ import annotations

from collections.abc import Iterator

from cloudify_scipion.catalogue.sizing import figures as n
from cloudify_scipion.catalogue.sizing.choose_flavour import Choice, Misfit, Verdict, cpu_flavours
from cloudify_scipion.catalogue.sizing.hours import Hours
from cloudify_scipion.catalogue.sizing.needs import Need
from cloudify_scipion.catalogue.sizing.steps import Workload, real
from cloudify_scipion.catalogue.sizing.terms import Factor, Figure, Term
from cloudify_scipion.errors import InputError, PermanentError, Problem, ScipionError
from cloudify_scipion.project.site import Flavour, Site


def exact(number: float) -> str:
    """A number for people, short where that changes nothing: 59.9999999 GB are not 60."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def need_text(need: Need) -> str:
    """Why a need is what it is."""
    *parts, last = ["", *map(term_text, need.terms)]
    if len(parts) > 1:  # a sum, of which the last term is the same for all
        total = sum(term.value for term in need.terms)
        text = f"{'; and '.join(parts[1:])}; with {last} {total:.1f} GB, rounded up"
    else:
        text = "; ".join(filter(None, (last, need.source)))
    return f"{need.of}: {text}" if need.of else text


def hours_text(hours: Hours) -> str:
    """Why a step takes so long, or what is missing to say so."""
    if hours.term:
        return f"{hours.step}: {term_text(hours.term)}"
    if hours.missing:
        return f"{hours.step}: {' and '.join(hours.missing)} {'is' if len(hours.missing) == 1 else 'are'} not known"
    return f"{hours.step}: {'no rate is known for this protocol' if hours.value is None else 'nothing is computed'}"


def term_text(term: Term) -> str:
    """A term as a formula with its sources."""
    first, *others = term.factors
    text = _factor(first) + "".join(f" {'x' if factor.power > 0 else '/'} {_factor(factor)}" for factor in others)
    if term.missing:
        text = f"{term.missing} not known; {text}"
    if term.unit:
        text = f"{text} = {term.before_later:.{2 if term.later else 1}f} {term.unit}"
    text += "".join(f", x {_factor(factor)}" for factor in term.later)
    return text + (f" ({term.source})" if term.source else "")


def _factor(factor: Factor) -> str:
    value = f"{factor.value:{factor.shown or ('g' if isinstance(factor.value, float) else '')}}"
    number = value if factor.per == 1 else f"({value}/{factor.per:g})"
    power = f"^{abs(factor.power)}" if abs(factor.power) != 1 else ""
    source = f"({factor.source})" if factor.source else ""
    return " ".join(filter(None, (factor.label, f"{number}{power}", factor.unit, source)))


def verdict_text(verdict: Verdict, choice: Choice) -> str:
    """A sentence about a flavour."""
    flavour, taken = verdict.flavour, choice.flavour
    if flavour is taken:
        return f"{flavour.name}: the smallest that fits{' without a GPU' if choice.without_gpu else ''}."
    larger = f"but is larger than {taken.name} ({_difference(flavour, taken)})" if taken else ""
    if not verdict.misfits:
        return f"{flavour.name} fits, {larger}."
    on_cpu = f"; without a GPU it fits, {larger}" if taken and verdict.fits_on_cpu else ""
    return f"{flavour.name} does not fit: {'; '.join(misfit_texts(verdict))}{on_cpu}."


def misfit_texts(verdict: Verdict) -> list[str]:
    """Every reason why a flavour does not fit."""
    return [_misfit(misfit, verdict.flavour) for misfit in verdict.misfits]


def _misfit(misfit: Misfit, flavour: Flavour) -> str:
    has, needed = exact(misfit.has), exact(misfit.needed)
    card = (flavour.gpu.title or flavour.gpu.name) if flavour.gpu else ""
    cards = _count(misfit.has, "graphics card") if misfit.has else "no graphics card"
    return {
        "ram_gb": f"it has {has} GB of RAM of {needed} GB",
        "cpus": f"it has {_count(misfit.has, 'core')} of {needed}",
        "disk_gb": f"its root disk has {has} GB of {needed} GB",
        "gpus": f"it has {cards} of {needed}",
        "gpu_memory_gb": f"its {card} has {has} GB of {needed} GB",
        "compute_capability": f"its {card} has compute capability {has}, below {needed}",
    }[misfit.need]


def _difference(flavour: Flavour, taken: Flavour) -> str:
    """The first thing in the order of sizes in which two flavours differ."""
    for has, other, unit in (
        (flavour.gpus, taken.gpus, "graphics cards"),
        (flavour.ram_gb, taken.ram_gb, "GB of RAM"),
        (flavour.cpus, taken.cpus, "cores"),
        (flavour.disk_gb + flavour.ephemeral_gb, taken.disk_gb + taken.ephemeral_gb, "GB of disk"),
    ):
        if has != other:
            return f"{unit}: {exact(has)} against {exact(other)}"
    return "equal; the names decide"


def duration_text(choice: Choice) -> str:
    """How long projects take on the chosen flavour; empty if nothing is known of that."""
    if choice.flavour is None or not (choice.without_gpu or choice.needs.gpus.value):
        return ""
    if not choice.without_gpu:
        return f"about {_span(n.WITH_GPU)} for a typical project ({n.WITH_GPU.source})"
    factor = f"{n.CPU_FACTOR.value:.1f} times as long: {n.CPU_FACTOR.source}"
    spans = f"about {_span(n.WITHOUT_GPU)} in place of {_span(n.WITH_GPU)}"
    return f"{spans}, as no flavour has a graphics card that fits ({factor})"


def _span(days: Figure) -> str:
    return _count(round(days.value / 30), "month") if days.value >= 30 else _count(round(days.value / 7), "week")


def choice_notes(choice: Choice, site: Site) -> Iterator[str]:
    """What a choice without a GPU means for the steps and the machine."""
    if choice.flavour is None or choice.needs.gpus.value:
        return
    if choice.without_gpu or choice.needs.gpu_users:
        yield f"steps that would use a GPU must be set to the CPU: {', '.join(choice.needs.gpu_users) or 'none yet'}"
    if choice.without_gpu and not cpu_flavours(site):
        yield f"{site.name} has no CPU flavour"
    elif choice.without_gpu and choice.flavour.gpus:
        no_use = f"the graphics cards of {choice.flavour.name} are of no use here"
        yield f"no CPU flavour of {site.name} fits; {no_use}"


def step_notes(work: Workload) -> Iterator[str]:
    """What of a workflow may surprise: unknown classes, hosts of another facility, binning that is told twice."""
    if unknown := [step.facts.class_name for step in work.steps if not step.known]:
        yield f"nothing is known of {', '.join(unknown)}; it counts as a small step"
    for step in work.steps:
        host = step.parameters.get("hostName")
        if isinstance(host, str) and host not in ("", "localhost"):
            yield f"{step.name} names the host {host[:80]!r}; here it runs on the project's own machine"
    yield from _binning_notes(work, work.acquisition.bin_factor)


def _binning_notes(work: Workload, bin_factor: float) -> Iterator[str]:
    """Where the project file and a step that aligns movies differ; pwem's protocols bin by 1 unless told otherwise."""
    for step in (step for step in work.steps if step.facts.phase == "movies"):
        own = step.parameters.get("binFactor")
        if own is None and bin_factor > 1:
            told = f"it is counted with acquisition.bin_factor, {bin_factor:g}"
            default = f"Scipion's default, 1, takes {bin_factor**2:g} times as much"
            yield f"{step.name} does not say binFactor: {told}; {default}"
        elif own is not None and real(own, bin_factor) != bin_factor:
            yield f"{step.name} bins by {own}: that counts, and not acquisition.bin_factor, {bin_factor:g}"


def nothing_fits(choice: Choice, site: Site, source: str) -> ScipionError | None:
    """The error of a choice without a flavour."""
    if choice.flavour:
        return None
    if choice.refused:
        return InputError([_refusal(choice, site, source)])
    return PermanentError("no flavour fits", "take another site, or ask for less in the project file (needs)")


def _refusal(choice: Choice, site: Site, source: str) -> Problem:
    needs = choice.needs
    card = f"{exact(needs.gpu_memory_gb.value)} GB and compute capability {exact(needs.compute_capability.value)}"
    machine = f"{exact(needs.cpus.value)} cores and {exact(needs.ram_gb.value)} GB of RAM"
    lacks = f"no flavour of {site.name} has {exact(needs.gpus.value)} with {card} beside {machine}; take another site"
    if not needs.gpu_required_by:
        return Problem(source, "$.needs", f"a GPU is asked for, and {lacks}, or ask for less")
    by_step = needs.gpu_required_by[0] in needs.gpu_users
    path, what = ("$.workflow", "the step") if by_step else ("$.software.em_packages", "it")
    who = f"{', '.join(needs.gpu_required_by)} cannot run without a GPU"
    return Problem(source, path, f"{who}, and {lacks}, ask for less (needs), or leave {what} out")


def _count(number: float, one: str) -> str:
    return f"{exact(number)} {one}" if number == 1 else f"{exact(number)} {one}s"
