"""The run of a workflow's steps, and the wait for a person between two of them."""

from __future__ import annotations

import importlib
import logging
import os
import sqlite3
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from workflow_places import OK, UNFINISHED, existing, locked
from workflow_process import Started
from workflow_project import READ_ONLY, end_left_alone, fail_dead
from workflow_record import Made, begun, note_begun, read_made
from workflow_scipion import Run, open_project, scipion
from workflow_state import ACTIVE, INTERACTIVE, State, read_states, was_killed
from workflow_turns import Turn, awaited, is_busy, ready

POLL_SECONDS, PERSON_SECONDS, LOCK_SECONDS, FAILED_SECONDS = 1.0, 5.0, 30.0, 30.0
ENVIRONMENT = dict(os.environ)


class Runner:
    """Runs the project file's steps in one project, each through Scipion's scheduler when its inputs are there.

    Boxes that the user has made, and steps that he has started or reset himself, are his: none of them is started here.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._made, self._begun = folder, read_made(folder), begun(folder)
        self._project = open_project(scipion(), folder)
        for state in end_left_alone(folder, self._begun):
            say(f"{state.label}: its own process was killed; what it had called is ended, and the step runs again")
        # Steps whose process was killed, with an earlier run or by a restart of the machine: ours start again.
        self._interrupted = {state.id for state in read_states(folder) if was_killed(state)}
        self._started: set[str] = set()
        logging.disable(logging.WARNING)  # it says that a protocol "is dead" between its scheduling and its start
        self._project.load()
        fail_dead(self._project, folder)

    def run(self) -> dict[str, str]:
        """Return when nothing runs and nothing more can start.

        The answer: steps that a person must finish first, each with what it has given up to now.
        """
        while True:
            protocols = {run.strId(): run for run in self._look()}
            turns = {name: self._turn(run) for name, run in protocols.items()}
            begin = ready(turns, self._started)
            for name in begin:
                self._start(protocols[name])
            if not begin and not is_busy(turns):
                return {name: turns[name].outputs for name in awaited(turns)}
            reap()
            time.sleep(POLL_SECONDS)

    def _look(self) -> list[Run]:
        """The protocols as they are. On a full disk that fails: what runs goes on, and our end would be its end."""
        while True:
            try:
                return list(self._project.getRuns(refresh=True, checkPids=True))
            except sqlite3.OperationalError as error:
                if not Started().others(()):
                    raise
                say(f"the project cannot be looked at: {error}; once more in {FAILED_SECONDS:.0f} s")
            time.sleep(FAILED_SECONDS)

    def _turn(self, run: Run) -> Turn:
        name = run.strId()
        node = self._project.getRunsGraph().getNode(name)
        parents = [parent.run.strId() for parent in node.getParents() if parent.run is not None]
        _, is_open, is_empty = run.getInputStatus()
        outputs = [output for _, output in run.iterOutputAttributes() if hasattr(output, "isStreamOpen")]
        return Turn(
            status=run.getStatus(),
            parents=[*parents, *(str(number) for number in run.getPrerequisites())],
            supplied=[] if is_open or is_empty else parents,
            outputs=",".join(run._outputs),
            streams=run.worksInStreaming(),
            growing=any(output.isStreamOpen() for output in outputs),
            interrupted=name in self._interrupted and name not in self._started,
            mine=self._made.has(name, run.getClassName()),
            begun=name in self._begun or (run.getStatus() == "saved" and self._was_reset(run)),
        )

    def _was_reset(self, run: Run) -> bool:
        """Whether a saved step has been started by somebody: Scipion's Reset leaves it an empty folder of logs."""
        return (self._folder / run.getWorkingDir() / "logs").is_dir()

    def _start(self, run: Run) -> None:
        """Hand it to Scipion's scheduler, which would wait for ever for an invalid one: that fails here instead."""
        name = run.strId()
        self._started.add(name)
        if errors := run.validate():
            say(f"{run.getObjLabel()}: not valid")
            run.setFailed("; ".join(errors))
            self._project.mapper.store(run)
            self._project.mapper.commit()
            return
        say(f"{run.getObjLabel()}: scheduled")
        if name in self._interrupted:
            run.runMode.set(importlib.import_module("pyworkflow.protocol").MODE_RESUME)  # what it had finished stays
        note_begun(self._folder, name)
        self._begun.add(name)
        self._project.scheduleProtocol(run)


def reap() -> None:
    """Collect ended children: a zombie would count as alive."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def run(name: str) -> int:
    """Run a project's workflow; see the command's description."""
    folder = existing(name)
    if (folder / READ_ONLY).exists():
        say(f"project {name} is open for reading only, since it has steps whose plugin is not installed")
        return UNFINISHED
    with locked(name, "run", LOCK_SECONDS):
        is_left = is_something_left(read_made(folder), begun(folder), read_states(folder))
        if persons := Runner(folder).run() if is_left else {}:
            become("await", name, *(f"{id}={outputs}" for id, outputs in persons.items()))
    return report(folder)


def is_something_left(made: Made, started: set[str], states: list[State]) -> bool:
    """Whether a run may have something to do; Scipion needs not be loaded to know that it has not."""
    for state in states:
        mine, is_begun = made.has(state.id, state.class_name), state.id in started
        turn = Turn(state.status, interrupted=was_killed(state), mine=mine, begun=is_begun)
        if turn.waits or (mine and state.status in ACTIVE):
            return True
    return False


def report(folder: Path) -> int:
    """Say how the project file's steps have ended."""
    made = read_made(folder)
    states = [state for state in read_states(folder) if made.has(state.id, state.class_name)]
    for state in states:
        say(f"{state.label}: {state.status}" + (f": {state.error}" if state.error else ""))
    return OK if all(is_done(state) for state in states) else UNFINISHED


def is_done(state: State) -> bool:
    """Whether a step has come to its end; one in a person's hands has when it has given something."""
    return state.status == "finished" or (state.status == INTERACTIVE and bool(state.outputs))


def await_person(name: str, given: Mapping[str, str]) -> int:
    """Wait until one of the steps is not in a person's hands any more, or has given something new, then run.

    This needs no Scipion, and little memory.
    """
    folder = existing(name)
    with locked(name, "run", LOCK_SECONDS, awaited=" ".join(given)):
        waiting = [f"{state.id} ({state.label})" for state in read_states(folder) if state.id in given]
        say(f"waiting for a person to finish step {', '.join(waiting)}; the workflow then goes on by itself")
        while is_awaited(given, read_states(folder)):
            time.sleep(PERSON_SECONDS)
    become("run", name)
    return OK


def is_awaited(given: Mapping[str, str], states: list[State]) -> bool:
    """Whether all steps are in a person's hands as they were, or reset, or working on what he has told them to."""
    now = {state.id: state for state in states}

    def same(id: str) -> bool:
        state = now.get(id)
        still = state is not None and state.status == INTERACTIVE and state.outputs == given[id]
        return still or (state is not None and state.status in {*ACTIVE, "saved"})

    return all(same(id) for id in given)


def become(*words: str) -> None:
    """Go on as another command of this program, with the memory that it needs. The locks end here."""
    os.chdir("/")
    os.execve(sys.executable, [sys.executable, sys.argv[0], *words], ENVIRONMENT)


def say(message: str) -> None:
    """A line for people."""
    print(message, file=sys.stderr, flush=True)
