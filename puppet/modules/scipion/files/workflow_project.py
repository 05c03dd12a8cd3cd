"""Projects in Scipion's hands: made, put right where steps have died, and their steps ended."""

from __future__ import annotations

import contextlib
import importlib
import os
import sqlite3
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from workflow_places import Refused, goes_on, locked, projects
from workflow_scipion import Domain, Project, Run, open_project, opened, scipion
from workflow_state import ACTIVE, State, Wanted, left_alone, living, newly_dead, read_states, strays, was_killed

READ_ONLY = ".workflow.readonly"  # in the project's folder: it was we who made it read-only
STOPPED = "it was stopped on the operator's word"
ENDING_SECONDS = 2.0
"""So long a step's process may live on when the step has ended."""
BETWEEN_SECONDS = 30.0
"""So long a workflow's unit may need to load Scipion and start its next step, or to end."""


def make_project(domain: Domain, folder: Path, file: Path, wanted: Sequence[Wanted]) -> dict[str, str]:
    """Make a project with a workflow; returns the class of each box by its id.

    Some protocols forget the label that they are given: it is set again. Machines have no queue: a step that asks for
    one would fail, so that is taken off.
    """
    project = open_project(domain, folder)
    project.create()
    made = project.loadProtocols(str(file))
    for protocol in wanted:
        box = made[protocol.id]
        if protocol.label:
            box.setObjLabel(protocol.label)
        box._useQueue.set(False)
        project.mapper.store(box)
    project.mapper.commit()
    project.closeMapper()
    os.chdir("/")
    return {made[step.id].strId(): step.class_name for step in wanted}


def has_to_settle(folder: Path, read_only: bool) -> bool:
    """Whether a project does not say yet which of its steps died, or whether it may be changed."""
    return read_only != (folder / READ_ONLY).exists() or bool(newly_dead(folder))


def settle(domain: Domain, folder: Path, read_only: bool) -> None:
    """Let the project itself say it."""
    with opened(domain, folder) as project:
        fail_dead(project, folder)
        if read_only != (folder / READ_ONLY).exists():
            project.setReadOnly(read_only)
            project.settings.write()
            (folder / READ_ONLY).touch() if read_only else (folder / READ_ONLY).unlink()


def readable_projects() -> list[Path]:
    """All projects but those whose database is damaged, or none: what one of them is keeps nobody from the others."""
    return [folder for folder in projects() if _can_be_read(folder)]


def _can_be_read(folder: Path) -> bool:
    try:
        read_states(folder)
    except (sqlite3.Error, ValueError, TypeError) as error:
        print(f"scipion-workflow: project {folder.name} cannot be read: {error}", file=sys.stderr, flush=True)
        return False
    return True


def settle_all() -> list[str]:
    """Let all projects say which of their steps died; returns the names of those that had to. Cheap where none died."""
    done = []
    for folder in readable_projects():
        if newly_dead(folder):
            # Where the workflow runs, whoever runs it does this.
            with contextlib.suppress(Refused), locked(folder.name, "run"), opened(scipion(), folder) as project:
                fail_dead(project, folder)
                done.append(folder.name)
    return done


def fail_dead(project: Project, folder: Path, why: str = "") -> None:
    """Steps that are active for Scipion and whose process is gone fail, with the reason, in both databases."""
    dead = newly_dead(folder, why)
    for run in project.getRuns(refresh=False) if dead else ():
        if run.strId() in dead:
            run.setFailed(dead[run.strId()].error)
            store(project, run)


def store(project: Project, run: Run) -> None:
    """Write a protocol to its own database, which Scipion believes, and to the project's."""
    if Path(run.getDbPath()).is_file():
        with contextlib.suppress(sqlite3.Error):  # on a full disk it may be half made
            run.setMapper(project.createMapper(run.getDbPath()))
            run._store()
            run.getMapper().close()
    run.setMapper(project.mapper)
    project.mapper.store(run)
    project.mapper.commit()


def running_steps() -> list[tuple[Path, State]]:
    """The steps of all projects that have a process, or wait for one, whoever has started them.

    Where a workflow is between two steps, the next one is waited for.
    """
    end = time.monotonic() + BETWEEN_SECONDS
    found = _running()
    while not found and time.monotonic() < end and any(goes_on(folder.name) for folder in projects()):
        time.sleep(0.5)
        found = _running()
    if any(state.status not in ACTIVE for _, state in found):
        time.sleep(ENDING_SECONDS)
        return _running()
    return found


def _running() -> list[tuple[Path, State]]:
    readable = readable_projects()
    found = [(folder, state) for folder, state, _ in strays(readable)]
    for folder in readable:
        alive = {state.id for state, _ in living(folder)}
        for state in read_states(folder):
            # Scipion may have given a step up whose process goes on.
            if state.status in ACTIVE or (state.id in alive and state.status in ("failed", "aborted", "saved")):
                found.append((folder, state))
    return found


def stop_all() -> list[tuple[Path, State]]:
    """End all of `running_steps`: their boxes are aborted then, as by Scipion's own Stop; returns what was ended."""
    found, readable = running_steps(), readable_projects()
    for _, _, pids in strays(readable):
        _end(pids)
    for folder in readable:
        ids = {state.id for where, state in found if where == folder}
        dead = newly_dead(folder)
        if not ids and not dead:
            continue
        for state, pids in living(folder):
            if state.id in ids:
                _end(pids)
        ids -= {state.id for state in read_states(folder) if state.status == "finished"}  # it was faster
        with opened(scipion(), folder) as project:
            fail_dead(project, folder, STOPPED)
            for run in project.getRuns(refresh=False):
                if run.strId() in ids:
                    run.setAborted()
                    store(project, run)
    return found


def end_left_alone(folder: Path, ids: Collection[str]) -> list[State]:
    """End what those steps have called and what goes on without them, if they were killed; returns the steps.

    Begun again beside that, a step would write into its folder twice.
    """
    alone = [(state, pids) for state, pids in left_alone(folder) if state.id in ids]
    found = [(state, pids) for state, pids in alone if state.status in ACTIVE or was_killed(state)]
    for _, pids in found:
        _end(pids)
    return [state for state, _ in found]


def _end(pids: Sequence[int]) -> None:
    """End processes and all that they have started."""
    psutil = importlib.import_module("psutil")
    every = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):  # one that has ended keeps no other alive
            process = psutil.Process(pid)
            every += [process, *process.children(recursive=True)]
    for process in every:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(every, timeout=10)
