"""The border between Cloudify and the project: `ctx` and Cloudify's exceptions stay on this side."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cloudify import ctx
from cloudify.exceptions import NonRecoverableError, OperationRetry

from cloudify_scipion.adapters.local import local_services
from cloudify_scipion.errors import InputError, ScipionError, TemporaryError
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import accept_project, update
from cloudify_scipion.lifecycle.record import Binding, Record
from cloudify_scipion.project.inputs import coerce_inputs, decode
from cloudify_scipion.project.load import check_documents

RETRY_SECONDS = 120.0
"""How long a temporary failure is tried again inside an operation: the local profile's own retries may be 0."""

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One operation on one node: the ports, the project's record, and the node's own properties as plain values."""

    services: Services
    record: Record
    properties: Mapping[str, Any]

    def asking(self, part: str, settings: Mapping[str, Any]) -> Call:
        """Remember what the node asks for, so that `repair` can build it without Cloudify."""
        record = self.record.asking(part, settings)
        if record != self.record:
            self.services.projects.save(record)
        return Call(self.services, record, self.properties)

    def publish(self, **values: Any) -> None:
        """Show values as the node instance's runtime properties: public, never secret."""
        ctx.instance.runtime_properties.update(values)
        ctx.instance.update()


def call(work: Callable[[Call], T]) -> T:
    """Run `work` for the node of the current operation, holding the project's lock for the whole execution."""
    return _translated(lambda: work(_accepted()))


def call_known(work: Callable[[Call], T]) -> T | None:
    """The same for operations that end things: nothing is done when the project is not known any more."""

    def known() -> T | None:
        services, properties = _services(), _properties()
        if services.projects.load(properties["project"]["id"]) is None:
            services.progress.say(f"project '{properties['project']['id']}' is gone already: nothing to do")
            return None
        return work(_accepted())

    return _translated(known)


def ask(question: Callable[[Call], str]) -> dict[str, str]:
    """Run a `check_status`: raises with the problem that `question` finds, if any."""

    def answered() -> dict[str, str]:
        problem = question(_accepted(lock=False))
        if problem:
            raise ScipionError(problem, f"cloudify-scipion repair {_properties()['project']['id']}")
        return {"status": "ok"}

    return _translated(answered, retry=False)


def check_inputs(document: Mapping[str, Any]) -> None:
    """Raise with every problem of the project document and the site; an empty document is an author's blueprint."""
    if not document:
        return
    project, site = coerce_inputs(_plain(document), "project"), coerce_inputs(_properties()["site"], "site")
    problems = check_documents(project, site, "inputs", "inputs, site")
    if problems:
        raise NonRecoverableError(str(InputError(problems)))


def heal_in_place(work: Callable[[Call], object]) -> None:
    """Run a `heal` that must not end in Cloudify's reinstall of the node: a failure is a loud event, no exception."""
    try:
        work(_accepted())
    except ScipionError as error:
        ctx.logger.error("HEAL FAILED, nothing was deleted: %s", error)


def _accepted(lock: bool = True) -> Call:
    services, properties = _services(), _properties()
    project = properties["project"]
    if lock:
        services.projects.hold_lock(project["id"], f"{ctx.workflow_id} of deployment {ctx.deployment.id}")
    binding = Binding(services.projects.installation(), ctx.tenant_name or "local", ctx.deployment.id)
    record = accept_project(services, project, properties["site"], binding)
    folder = os.environ.get("CFY_WORKDIR", "")
    return Call(services, update(services, record, work_folder=folder or record.work_folder), properties)


def _services() -> Services:
    return local_services(ctx.logger.info)


def _properties() -> Mapping[str, Any]:
    properties: Mapping[str, Any] = _plain(ctx.node.properties)
    return {**properties, "site": coerce_inputs(properties["site"], "site")}


def _plain(value: object) -> Any:
    """Cloudify's own mapping types are read-only: plain values go further in, encoded text decoded."""
    return decode(json.loads(json.dumps(value)))


def _translated(work: Callable[[], T], retry: bool = True) -> T:
    end = time.monotonic() + (RETRY_SECONDS if retry else 0)
    while True:
        try:
            return work()
        except TemporaryError as error:
            if time.monotonic() + error.retry_after > end:
                raise _gave_up(error) from error
            ctx.logger.warning("%s; trying again in %.0f s", error.what, error.retry_after)
            time.sleep(error.retry_after)
        except ScipionError as error:
            raise NonRecoverableError(str(error)) from error


def _gave_up(error: TemporaryError) -> Exception:
    if getattr(ctx, "_context", {}).get("local", False):
        return NonRecoverableError(str(error))
    return OperationRetry(str(error), retry_after=int(error.retry_after))
