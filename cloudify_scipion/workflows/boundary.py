"""The border between Cloudify's workflows and the project: `ctx` and Cloudify's exceptions stay on this side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cloudify.exceptions import NonRecoverableError
from cloudify.workflows import ctx

from cloudify_scipion.adapters import services as wired
from cloudify_scipion.errors import PermanentError, ScipionError
from cloudify_scipion.lifecycle.made import MADE, has_ended, made_from, record_lost
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import as_it_is
from cloudify_scipion.lifecycle.record import Binding, Record

make_services: Callable[[Callable[[str], object]], Services] = wired.make_services
"""Makes the ports; it gets a function that takes the lines of progress."""
T = TypeVar("T")


def on_project(work: Callable[[Services, Record], T]) -> T:
    """Run `work` for the project of the workflow's deployment, holding the project's lock."""

    def found(services: Services) -> T:
        record = _record(services)
        services.projects.hold_lock(record.project, f"{ctx.workflow_id} of deployment {ctx.deployment.id}")
        return work(services, as_it_is(services, services.projects.load(record.project) or record))

    return on_installation(found)


def on_installation(work: Callable[[Services], T]) -> T:
    """Run `work` for all projects of the installation."""
    try:
        return work(make_services(ctx.logger.info))
    except ScipionError as error:
        raise NonRecoverableError(str(error)) from error


def _record(services: Services) -> Record:
    binding = Binding(services.projects.installation(), ctx.tenant_name or "local", ctx.deployment.id)
    for record in services.projects.of_deployment(binding):
        return record
    for instance in ctx.node_instances:
        if MADE in (instance.runtime_properties or {}):
            made = made_from(instance.runtime_properties[MADE])
            if not has_ended(services, made.project, binding, made):
                raise record_lost(services, made, binding)
    raise PermanentError(f"{binding} works on no project", "install it")
