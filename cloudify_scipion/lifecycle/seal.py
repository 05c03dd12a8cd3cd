"""Sealing: everything is saved, the last writer is ended, and the agent proves that nothing is missing."""

from __future__ import annotations

from cloudify_scipion.errors import NotSealed, ScipionError
from cloudify_scipion.lifecycle.about import write_about
from cloudify_scipion.lifecycle.agent import DONE, error_of, run_work
from cloudify_scipion.lifecycle.data import data_problem, save, start_saving
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.proof import keep_seal, unseal
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.writers import end_writers, let_write


def seal_project(services: Services, record: Record) -> Record:
    """Save everything, end all writers, and seal. Whatever fails, the project goes on as before, unsealed.

    Raises the error that is in the way.
    """
    problem = data_problem(services, record)
    if problem:
        raise NotSealed(problem, f"cloudify-scipion repair {record.project}")
    record = save(services, record)  # while the user still works: what is left for later is little
    write_about(services, record)
    try:
        end_writers(services, record)
        return seal_quiet(services, record)
    except ScipionError as error:
        services.progress.say(f"NOT SEALED, everything is started again: {error.what}")
        _give_back(services, unseal(services, record))
        raise


def _give_back(services: Services, record: Record) -> None:
    """Let the user go on. What cannot be started is reported: the error to tell is that nothing was sealed."""
    try:
        let_write(services, record)
        start_saving(services, record)
    except ScipionError as error:
        services.progress.say(
            f"could not start everything again: {error.what} (cloudify-scipion repair {record.project})"
        )


def seal_quiet(services: Services, record: Record) -> Record:
    """Seal a working copy that nobody can write to any more."""
    result = run_work(services, record, "seal")
    if result.code != DONE:
        raise error_of(result)
    return keep_seal(services, record, result.facts)
