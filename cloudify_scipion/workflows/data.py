"""Workflows about a project's data; the commands of the same names do the same without Cloudify."""

from __future__ import annotations

from typing import Any

from cloudify.workflows import ctx

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle import rescue as rescuing
from cloudify_scipion.lifecycle import steps, volume, working_copy
from cloudify_scipion.lifecycle.held import held_volumes
from cloudify_scipion.lifecycle.looks import give_back
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.workflows.boundary import on_installation, on_project


def save(**_: Any) -> None:
    """Save what has changed now, and verify it."""
    on_project(lambda services, record: working_copy.save(services, give_back(services, record)))


def rescue(**_: Any) -> None:
    """Save and seal a volume whose machine is dead or gone."""
    on_project(rescuing.rescue)


def renew_token(**_: Any) -> None:
    """Give the machine the new value of its access token."""
    on_project(working_copy.renew_token)


def stop_steps(**_: Any) -> None:
    """End all steps that run, so that an uninstall may go on."""
    on_project(steps.stop_steps)


def discard(project: str, **_: Any) -> None:
    """Delete the project's volume, saved or not; `project` is its id, typed."""
    on_project(lambda services, record: _discard(services, record, project))


def held(**_: Any) -> None:
    """Log the volumes that are kept because nothing proves that their data are saved."""
    for one in on_installation(held_volumes):
        ctx.logger.info("%s: volume %s, %d bytes: %s; %s", one.project, one.volume, one.bytes, one.why, one.saved)


def _discard(services: Services, record: Record, typed: str) -> None:
    if typed != record.project:
        raise PermanentError(f"the deployment's project is '{record.project}', not '{typed}'", "type its id")
    volume.discard(services, record)
