"""One Puppet run on the project's machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import make_personal
from cloudify_scipion.lifecycle.record import Record


def apply_classes(
    services: Services,
    record: Record,
    run: str,
    classes: Sequence[str],
    data: Mapping[str, object],
    modules: Path | None = None,
    unless_known: bool = False,
) -> Record:
    """Apply `classes` as the run `software`, `locked` or `project`; after the last, the machine is personal.

    `unless_known`: a run that is known to have nothing to do is not made.
    """
    shell = services.connect(record)
    if run == "project":  # remembered before: a run that fails half-way leaves traces, too
        record = make_personal(services, record)
    result = services.puppet.apply(shell, services.of(record).access, run, classes, data, modules, unless_known)
    counted = f"{len(result.changed)} resources changed in {result.seconds:.0f} s"
    services.progress.say(f"{run} run: {'nothing has changed since the last one' if result.known else counted}")
    return record
