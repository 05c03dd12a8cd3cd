"""Operations of cloudify.nodes.scipion.Machine."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.lifecycle import machine as use
from cloudify_scipion.lifecycle.project import refuse_changes
from cloudify_scipion.lifecycle.space import source_of
from cloudify_scipion.operations.boundary import Call, ask, call, call_known, heal_in_place


def create(**_: Any) -> None:
    """Make the machine's disk."""
    call(_create)


def _create(c: Call) -> None:
    data = c.properties["data"]
    refuse_changes(c.record, software=c.asked_software()[0], source=source_of(data))
    asking = c.asking("data", data).asking_software().remember()
    use.create_machine(c.services, use.end_rescue(c.services, asking.record))


def start(**_: Any) -> None:
    """Boot it and wait for SSH."""
    call(_start)


def _start(c: Call) -> None:
    record = use.start_machine(c.services, c.record)
    c.publish(ssh=f"127.0.0.1:{record.ports['ssh']}", machine=record.machine, generation=record.generation)


def stop(**_: Any) -> None:
    """Shut it down."""
    call_known(lambda c: use.stop_machine(c.services, c.record))


def delete(**_: Any) -> None:
    """Remove it; the volume stays."""
    call_known(_delete)


def _delete(c: Call) -> None:
    use.delete_machine(c.services, c.record)
    c.forget()


def check_status(**_: Any) -> dict[str, str]:
    """Whether it runs and has its network."""
    return ask(lambda c: use.machine_problem(c.services, c.record))


def heal(**_: Any) -> None:
    """Create and start whatever is missing; never replaced by Cloudify's reinstall."""
    heal_in_place(lambda c: use.ensure_machine(c.services, c.asking_software().remember().record))
