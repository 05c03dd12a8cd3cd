"""Sealing: everything is saved, the last writer is ended, and the agent proves that nothing is missing."""

from __future__ import annotations

from cloudify_scipion.errors import NotSealed, ScipionError
from cloudify_scipion.lifecycle.about import write_about
from cloudify_scipion.lifecycle.agent import DONE, error_of, is_running, read_seal, run_work
from cloudify_scipion.lifecycle.closing import is_read_only
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.proof import keep_seal, reopen, unseal
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.steps import ask_about_steps
from cloudify_scipion.lifecycle.working_copy import data_problem, pull_data, push
from cloudify_scipion.lifecycle.writers import end_writers, start_writers


def seal_project(services: Services, record: Record) -> Record:
    """Save everything, end all writers, and seal. Whatever fails, the project goes on as before, unsealed.

    Raises the error that is in the way.
    """
    shell = services.connect(record)
    if is_read_only(shell) and is_running(shell, "seal"):  # for an attempt that was broken off
        return seal_quiet(services, record)
    made = read_seal(shell)
    if made and made.get("generation") == record.generation and is_read_only(shell):
        return keep_seal(services, record, made)  # that attempt could not remember it any more
    if made:  # and then somebody could write; the agent has given back its right to save
        record = pull_data(services, unseal(services, record))
    if problem := data_problem(services, record):
        raise NotSealed(problem, f"cloudify-scipion repair {record.project}")
    record, pushed = push(services, record)  # while the user still works: what is left for later is little
    if pushed.code != DONE:
        raise error_of(pushed)
    write_about(services, record)
    ask_about_steps(services, record)  # saving may have taken hours, and somebody may have begun one meanwhile
    try:
        end_writers(services, record)
        return seal_quiet(services, record)
    except ScipionError as error:
        services.progress.say(f"NOT SEALED, everything is started again: {error.what}")
        _give_back(services, record)
        raise


def _give_back(services: Services, record: Record) -> None:
    """Let the user go on. What cannot be started is reported: the error to tell is that nothing was sealed."""
    try:
        record = reopen(services, record)
        start_writers(services, record)
        pull_data(services, record)
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
