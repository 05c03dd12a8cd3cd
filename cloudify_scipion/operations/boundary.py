"""The border between Cloudify and the project: `ctx` and Cloudify's exceptions stay on this side."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from cloudify import ctx
from cloudify.exceptions import NonRecoverableError, OperationRetry

from cloudify_scipion.adapters import services as wired
from cloudify_scipion.adapters.providers import provider_problem
from cloudify_scipion.catalogue.pins.file import Pins, from_text
from cloudify_scipion.catalogue.software.check_document import software_check
from cloudify_scipion.errors import InputError, Problem, ScipionError, TemporaryError
from cloudify_scipion.lifecycle.layer import asked_software
from cloudify_scipion.lifecycle.looks import give_back
from cloudify_scipion.lifecycle.made import has_ended, is_adoptable, made_of, record_lost
from cloudify_scipion.lifecycle.parts import Part
from cloudify_scipion.lifecycle.pins import with_software
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import accept_project, has_remains, update
from cloudify_scipion.lifecycle.provider import Provider
from cloudify_scipion.lifecycle.record import Binding, Record
from cloudify_scipion.operations._memory import forget_made, publish, remember_made, remembered
from cloudify_scipion.operations.beside import read_lock, workflow_document
from cloudify_scipion.project.documents import Document, part
from cloudify_scipion.project.inputs import coerce_inputs, decode
from cloudify_scipion.project.load import Loaded, checked

make_services: Callable[[Callable[[str], object]], Services] = wired.make_services
"""Makes the ports; it gets a function that takes the lines of progress."""

RETRY_SECONDS = 120.0
"""How long a temporary failure is tried again inside an operation: the local profile's own retries may be 0."""

T = TypeVar("T")
_ONE_AT_A_TIME = threading.Lock()
"""Cloudify's engine for the local profile runs operations that do not depend on each other in threads of one process,
which holds the project's lock; and each of them reads, changes and writes the same record."""


@dataclass(frozen=True)
class Call:
    """One operation on one node: the ports, the project's record, and the node's own properties as plain values.

    `workflow` is the name of the workflow that runs.
    """

    services: Services
    record: Record
    properties: Mapping[str, Any]
    workflow: str

    @property
    def ends(self) -> bool:
        """Whether the project ends: whatever else stops or deletes nodes makes them again, and keeps the volume."""
        return self.workflow == "uninstall"

    @property
    def node(self) -> str:
        """The node's name in the blueprint."""
        return str(ctx.node.id)

    def asking(self, part: str, settings: Mapping[str, Any]) -> Call:
        """Remember what the node asks for, so that `repair` can build it without Cloudify."""
        return self._having(self.record.asking(part, settings))

    def asked_software(self) -> tuple[dict[str, Any], str]:
        """What the record keeps of the node's property `software`, and the text of its lock file."""
        asked = self.properties["software"]
        lock = read_lock(asked.get("lock") or "")
        return asked_software(asked, self.properties["site"], lock), lock

    def asking_software(self) -> Call:
        """Remember what software the node asks for, and the lock file that it is to be installed from."""
        return self._having(with_software(self.services, self.record, *self.asked_software()))

    def _having(self, record: Record) -> Call:
        if record != self.record:
            self.services.projects.save(record)
        return replace(self, record=record)

    def publish(self, **values: Any) -> None:
        """Show values as the node instance's runtime properties: public, never secret."""
        publish(**values)

    def remember(self) -> Call:
        """Let the node instance know, whatever becomes of the record, what is about to be made, and whose it is."""
        remember_made(made_of(self.services, self.record))
        return self

    def forget(self) -> None:
        """What the node stands for has come to its end."""
        forget_made()


def call(work: Callable[[Call], T]) -> T:
    """Run `work` for the node of the current operation, holding the project's lock for the whole execution."""
    services = _services()
    with _ONE_AT_A_TIME:
        return _translated(services, lambda: work(_accepted(services)))


def call_known(work: Callable[[Call], T]) -> T | None:
    """Run `work` for an operation that ends things: when the project is not known any more, only remains are cleared.

    Where something was made and this state root has no record of it, it is an error: nothing proves that it is gone.
    """
    services, project = _services(), _properties()["project"]["id"]

    def known() -> T | None:
        _hold_lock(services, project)
        if not _has_ended(services, project):
            _refuse_unknown(services, project)
            if services.projects.load(project) or has_remains(_provider(services), project, _binding(services)):
                return work(_accepted(services))
        if services.projects.load(project) is None:
            services.projects.forget(project)  # what an interrupted `forget` left
        forget_made()
        services.progress.say(f"project '{project}' is gone already: nothing to do")
        return None

    with _ONE_AT_A_TIME:
        return _translated(services, known)


def _has_ended(services: Services, project: str) -> bool:
    """Whether the project came to its end here, by us, and nothing of it is left."""
    binding = _binding(services)
    return has_ended(services, project, binding, remembered()) and not has_remains(
        _provider(services), project, binding
    )


def _refuse_unknown(services: Services, project: str, adopts: bool = False) -> None:
    """Raise RecordLost if the deployment has made what has no record here; with `adopts`, tags are a record, too."""
    record, binding = services.projects.load(project), _binding(services)
    if (record and record.binding == binding) or _has_ended(services, project):
        return
    made = remembered()
    if made and not (adopts and record is None and is_adoptable(services, made, binding)):
        raise record_lost(services, made, binding)


def checks(part: Part, looks: bool = False) -> Callable[..., dict[str, str]]:
    """The `check_status` of a part's node; for `looks` see `ask`."""

    def check_status(**_: Any) -> dict[str, str]:
        """Whether anything is wrong with it."""
        return ask(lambda c: part.problem(c.services, c.record), looks)

    return check_status


def ask(question: Callable[[Call], str], looks: bool = False) -> dict[str, str]:
    """Run a `check_status`: raises with the problem that `question` finds, if any. Changes nothing.

    One that `looks` at what a seal ends first has that started again if the seal was broken off.
    """
    services, properties = _services(), _properties()
    project = properties["project"]["id"]

    def answered() -> dict[str, str]:
        record = services.projects.load(project)
        _refuse_unknown(services, project)
        if record is None or record.binding != _binding(services):
            raise ScipionError(f"project '{project}' of this deployment is not installed", "install it")
        record = give_back(services, record) if looks else record
        try:
            problem = question(Call(services, record, properties, ctx.workflow_id))
        except TemporaryError as error:  # an answer, too: nobody waits for a better one
            problem = error.what
        if problem:
            raise ScipionError(problem, f"cloudify-scipion repair {project}")
        return {"status": "ok"}

    return _translated(services, answered)


def check_inputs(document: Mapping[str, Any], lock: str = "") -> Mapping[str, Any]:
    """The checked project document; empty for an author's blueprint, which gives none. `lock` is a lock file's text.

    Raises NonRecoverableError with all problems, also where no machine is made on such a site.
    """
    if not document:
        return {}
    project = inputs_document(document, "project")
    name = part(project.value, dict, "workflow").get("file")
    workflow = workflow_document(name, "the inputs name it ($.workflow.file)") if isinstance(name, str) else None
    check(project, workflow, from_text(lock) if lock else None)
    value: Mapping[str, Any] = project.value
    return value


def inputs_document(value: object, kind: str) -> Document:
    """A project or site as a blueprint's inputs give it: plain, and typed as its schema wants it."""
    return Document("inputs" if kind == "project" else "inputs, site", coerce_inputs(_plain(value), kind))


def check(project: Document, workflow: Document | None, pins: Pins | None = None) -> Loaded:
    """The project, and the site of the node, by the same check as of files. Raises NonRecoverableError."""
    site = inputs_document(ctx.node.properties["site"], "site")
    try:
        loaded = checked(project, site, workflow, software_check(pins))
        if message := provider_problem(loaded.site_document):
            raise InputError([Problem(site.source, "$.provider", message)])
    except InputError as error:
        raise NonRecoverableError(str(error)) from error
    return loaded


def is_true(value: object) -> bool:
    """What an operation's input says, which may come as a text."""
    return str(value).lower() == "true"


def heal_in_place(work: Callable[[Call], object]) -> None:
    """Run a `heal` that must not end in Cloudify's reinstall of the node: a failure is a loud event, no exception."""
    try:
        with _ONE_AT_A_TIME:
            work(_accepted(_services()))
    except Exception as error:  # noqa: BLE001 - whatever it was, it must not delete the machine
        ctx.logger.error("HEAL FAILED, nothing was deleted: %s", error)


def _accepted(services: Services) -> Call:
    properties = _properties()
    project = properties["project"]
    _provider(services)  # whoever may not work there is told so before anything else
    _hold_lock(services, project["id"])
    _refuse_unknown(services, project["id"], adopts=True)
    record = accept_project(services, project, properties["site"], _binding(services))
    folder = os.environ.get("CFY_WORKDIR", "")
    record = update(services, record, work_folder=folder or record.work_folder)
    return Call(services, record, properties, ctx.workflow_id)


def _provider(services: Services) -> Provider:
    return services.at(_properties()["site"])


def _binding(services: Services) -> Binding:
    return Binding(services.projects.installation(), ctx.tenant_name or "local", ctx.deployment.id)


def _hold_lock(services: Services, project: str) -> None:
    services.projects.hold_lock(project, f"{ctx.workflow_id} of deployment {ctx.deployment.id}")


def _services() -> Services:
    try:
        return make_services(ctx.logger.info)
    except ScipionError as error:
        raise NonRecoverableError(str(error)) from error


def _properties() -> Mapping[str, Any]:
    properties: Mapping[str, Any] = _plain(ctx.node.properties)
    return {**properties, "site": coerce_inputs(properties["site"], "site")}


def _plain(value: object) -> Any:
    """Cloudify's own mapping types are read-only: plain values go further in, encoded text decoded."""
    return decode(json.loads(json.dumps(value)))


def _translated(services: Services, work: Callable[[], T]) -> T:
    clock = services.clock
    end = clock.monotonic() + RETRY_SECONDS
    while True:
        try:
            return work()
        except TemporaryError as error:
            if clock.monotonic() + error.retry_after > end:
                raise _gave_up(error) from error
            ctx.logger.warning("%s; trying again in %.0f s", error.what, error.retry_after)
            clock.sleep(error.retry_after)
        except ScipionError as error:
            raise NonRecoverableError(str(error)) from error


def _gave_up(error: TemporaryError) -> Exception:
    local = getattr(ctx, "_context", {}).get("local", False)
    translated: Exception = (
        NonRecoverableError(str(error)) if local else OperationRetry(str(error), retry_after=int(error.retry_after))
    )
    return translated
