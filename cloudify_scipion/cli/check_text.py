"""What `check` says of files that are right: how it understood them, and what may still surprise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cloudify_scipion.adapters.providers import provider_problem
from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.sizing.choose_flavour import choose
from cloudify_scipion.catalogue.sizing.needs import needs_of
from cloudify_scipion.catalogue.sizing.steps import workload_of
from cloudify_scipion.catalogue.software.fit_site import gpu_notes, site_notes
from cloudify_scipion.project.load import Loaded
from cloudify_scipion.project.model import Data, Project, Protocol, Software, TimeLimit


def understood(project: Project) -> Iterator[str]:
    """The parts whose defaults a reader of the file does not see."""
    yield f"volume: {_volume(project)}"
    yield f"data: {_data(project.data)}"
    yield f"time limit: {_time_limit(project.time_limit)}"


def notes_of(loaded: Loaded, proofs: Mapping[str, str]) -> Iterator[str]:
    """What is right, and may still surprise."""
    project = loaded.project
    if project.volume.at_end == "discard":
        lost = "what is not saved by then is lost" if project.data.project else "nothing of this project is kept"
        yield f"{lost}: uninstalling it deletes its volume"
    yield from _full_volume(project)
    if unneeded := _unneeded_licences(project.software):
        yield f"accepted_licences names {', '.join(unneeded)}, which the project does not ask for"
    if unproven := [name for name, proof in proofs.items() if proof == "listed"]:
        yield f"nobody has installed {', '.join(unproven)} this way yet; what is known comes from its makers"
    if loaded.site.flavours and not _fits_somewhere(loaded):
        yield f"no flavour of {loaded.site.name} fits: cloudify-scipion choose says why"
    yield from site_notes(project.software, loaded.site, load_catalogue())
    yield from queue_notes(project.workflow.protocols)
    yield from gpu_notes(project.software, project.workflow.protocols, loaded.site, load_catalogue())
    if problem := provider_problem(loaded.site_document):
        yield problem


def queue_notes(protocols: Sequence[Protocol]) -> Iterator[str]:
    """Machines have no queue: where one is asked for, Scipion would fail with words that do not say so."""
    if asking := [str(one["object.id"]) for one in protocols if str(one.get("_useQueue")).lower() == "true"]:
        yield f"steps {', '.join(asking)} ask for a queue; machines have none, so they are run without"


def _fits_somewhere(loaded: Loaded) -> bool:
    work = workload_of(loaded.project, load_catalogue(), loaded.site.cuda)
    return choose(needs_of(work), loaded.site).flavour is not None


def _full_volume(project: Project) -> Iterator[str]:
    data, volume = project.data.project, project.volume.size_gb
    if data and data.size_gb and volume < 1.1 * data.size_gb:
        yield f"the volume has {volume} GB for {data.size_gb:g} GB of data: little is left for results"


def _volume(project: Project) -> str:
    kept = "deleted at the end, once all is proven saved" if project.data.project else "held at the end"
    end = "deleted at the end" if project.volume.at_end == "discard" else kept
    return f"{project.volume.size_gb} GB, {end}"


def _data(data: Data) -> str:
    parts = [f"{data.project.source}{_size(data.project.size_gb)}, copied and saved"] if data.project else []
    parts += [f"{set_.source}{_size(set_.size_gb)}, read-only at {set_.mount}" for set_ in data.datasets]
    return "; ".join(parts) or "none"


def _size(size_gb: float | None) -> str:
    return "" if size_gb is None else f" ({size_gb:g} GB)"


def _time_limit(limit: TimeLimit) -> str:
    before, after = f"a warning {limit.warning_days} before", f"{limit.grace_days} of grace after"
    return f"{limit.days} days, {before}, {after} ({limit.time_zone})"


def _unneeded_licences(software: Software) -> list[str]:
    return sorted({*software.accepted_licences} - {*software.plugins, *software.em_packages})
