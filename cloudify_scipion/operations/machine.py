"""Operations of cloudify.nodes.scipion.Machine."""

from __future__ import annotations

from typing import Any

from cloudify_scipion.errors import ScipionError
from cloudify_scipion.lifecycle.gate import save_first
from cloudify_scipion.lifecycle.machine import stop_machine
from cloudify_scipion.lifecycle.parts import MACHINE
from cloudify_scipion.lifecycle.project import refuse_changes
from cloudify_scipion.lifecycle.proof import recheck_seal
from cloudify_scipion.lifecycle.space import source_of
from cloudify_scipion.lifecycle.steps import ask_about_steps
from cloudify_scipion.lifecycle.volume import may_discard
from cloudify_scipion.operations.boundary import Call, call, call_known, checks, heal_in_place, is_true


def create(**_: Any) -> None:
    """Make the machine's disk."""
    call(_create)


def _create(c: Call) -> None:
    data = c.properties["data"]
    refuse_changes(c.record, software=c.asked_software()[0], source=source_of(data))
    asking = c.asking("data", data).asking_software().remember()
    MACHINE.make(c.services, asking.record, False)


def start(**_: Any) -> None:
    """Boot it and wait for SSH."""
    call(_start)


def _start(c: Call) -> None:
    record = MACHINE.start(c.services, c.record, False)
    ssh = c.services.of(record).endpoint(record, "ssh")
    c.publish(ssh=str(ssh), machine=record.machine, generation=record.generation)


def stop(ignore_failure: object = False, **_: Any) -> None:
    """Save, and shut it down; refused where steps run or it cannot be saved, unless `ignore_failure`."""
    call_known(lambda c: _stop(c, is_true(ignore_failure)))


def _stop(c: Call, anyway: bool) -> None:
    if not anyway:  # in an uninstall, too: one of this node alone has no gate
        ask_about_steps(c.services, c.record, ends=False)
    _save(c, refuses=not anyway)
    stop_machine(c.services, c.record)


def _save(c: Call, refuses: bool) -> None:
    """Save what a machine that still runs has not saved: the gate may have been passed over, or never asked."""
    if c.ends and may_discard(c.record):
        return
    try:
        save_first(c.services, c.record)
    except ScipionError as error:
        if refuses:
            raise
        c.services.progress.say(f"NOT SAVED, stopped all the same; its volume is kept: {error.what}")


def delete(**_: Any) -> None:
    """Remove it; the volume stays. One that still runs is saved before: its stop was skipped, or never asked for."""
    call_known(_delete)


def _delete(c: Call) -> None:
    alone = c.workflow == "execute_operation"  # all other workflows have asked its stop before
    if alone:
        ask_about_steps(c.services, c.record, ends=False, forces=False)
    _save(c, refuses=alone)
    MACHINE.end(c.services, recheck_seal(c.services, c.record))
    c.forget()


check_status = checks(MACHINE)


def heal(**_: Any) -> None:
    """Create and start whatever is missing; never replaced by Cloudify's reinstall."""
    heal_in_place(lambda c: MACHINE.heal(c.services, c.asking_software().remember().record))
