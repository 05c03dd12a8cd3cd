"""The gates: before anything is stopped for good, all data are saved and sealed; before it is stopped at all, saved."""

from __future__ import annotations

from cloudify_scipion.errors import NotAllSaved, NotSealed, ScipionError, StepsRun, TemporaryError
from cloudify_scipion.lifecycle.agent import DONE, error_of
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.proof import is_closed, recheck_seal, valid_seal
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.seal import seal_project
from cloudify_scipion.lifecycle.space import saved_part
from cloudify_scipion.lifecycle.volume import may_go, what_is_known
from cloudify_scipion.lifecycle.working_copy import pull_data, push, saving_status, unsaved_lines


def pass_gate(services: Services, record: Record, discards: bool) -> Record:
    """Seal the project, unless its volume may go without, or is held whatever happens.

    `discards` says that the deployment asks for a deletion without proof. Raises NotSealed, with the project as it was.
    """
    volume = services.of(record).volumes.look(record.volume)
    if not volume.exists or not record.volume_written or saved_part(record) is None:
        return record
    if not record.saved:
        services.progress.say("the first copy from the data space was never complete: the volume will be held")
        return record
    passed = valid_seal(record, volume)
    record = recheck_seal(services, record)
    if may_go(services, record, discards):
        return record
    if not services.of(record).machines.look(record.machine).running:
        if passed:  # nothing is left to be stopped: the rest of an uninstall that had begun, or of a rescue
            services.progress.say(f"its machine does not run: volume {record.volume} will be held")
            return record
        raise NotSealed(_refusal(record, "its machine does not run", [what_is_known(record)]), _next(record))
    try:
        return seal_project(services, record)
    except StepsRun:
        raise
    except ScipionError as error:
        refusal = _refusal(record, error.what, _unsaved(services, record, error))
        if isinstance(error, TemporaryError):
            raise TemporaryError(refusal, _next(record), error.retry_after) from error
        raise NotSealed(refusal, _next(record)) from error


def save_first(services: Services, record: Record) -> Record:
    """Before a machine is stopped whose volume is kept: save what has changed, or refuse.

    Raises NotAllSaved (or TemporaryError), with nothing stopped. Nothing is done where no data space has the project's
    data, where the machine does not run, or where all was sealed and nobody could write since.
    """
    if saved_part(record) is None or not services.of(record).machines.look(record.machine).running:
        return record
    if not record.saved:
        services.progress.say("the first copy from the data space was never complete: the volume is kept as it is")
        return record
    was_sealed, record = bool(record.seal), recheck_seal(services, record)
    if is_closed(services, record):
        return record
    try:
        if was_sealed:  # then the agent has given back its right to save
            record = pull_data(services, record)
        record, pushed = push(services, record)
        if pushed.code != DONE:
            raise error_of(pushed)
    except ScipionError as error:
        listed = "\n".join(f"  {line}" for line in _unsaved(services, record, error))
        what = f"project '{record.project}' cannot be saved now, so its machine was not stopped: {error.what}\n{listed}"
        if isinstance(error, TemporaryError):
            raise TemporaryError(what, _save_next(record), error.retry_after) from error
        raise NotAllSaved(what, _save_next(record)) from error
    return record


def _unsaved(services: Services, record: Record, error: ScipionError) -> list[str]:
    """What to do about an error, and what is not saved, for people."""
    status = saving_status(services, record)
    lines = unsaved_lines(status) if status else [what_is_known(record)]
    return [*([error.next_step] if error.next_step else []), *lines]


def _save_next(record: Record) -> str:
    return f"""one of these
    cloudify-scipion save {record.project}      save now, and say what is in the way
    cloudify-scipion repair {record.project}    bring machine, mounts and agent back
    the same with ignore_failure=true (of an operation, its own parameter)    stop all the same: the volume is kept"""


def _refusal(record: Record, why: str, lines: list[str]) -> str:
    listed = "\n".join(f"  {line}" for line in lines)
    what = f"project '{record.project}' is not proven to be saved, so nothing was stopped: {why}"
    return f"{what}\n{listed}" if listed else what


def _next(record: Record) -> str:
    project = record.project
    forced = f"cfy uninstall -b {record.binding.deployment} -p ignore_failure=true"
    return f"""one of these
    cloudify-scipion save {project}      save now, and say what is in the way
    cloudify-scipion repair {project}    bring machine, mounts and agent back, then uninstall again
    cloudify-scipion rescue {project}    save from a volume whose machine is dead or gone
    {forced}    go all the same: the volume is held, and listed by cloudify-scipion held
    cloudify-scipion discard {project}   once there is no machine: delete the volume, saved or not"""
