"""Scipion workflows without Scipion's windows; run it as the project's user, in Scipion's environment.

    scipion-workflow create NAME FILE   make the project NAME from an exported workflow, or look whether it is all right
    scipion-workflow run NAME           run the project file's steps, through Scipion's scheduler, until none is left
    scipion-workflow await NAME ID ...  wait until a person has finished these steps, then run
    scipion-workflow status NAME        what each protocol is doing
    scipion-workflow running            the protocols of all projects that are running
    scipion-workflow stop               end them, as Scipion's own Stop does

All but `run` and `await` print one JSON document; everything else goes to standard error. Exit status: 0 done, 1 a
protocol did not finish (`run`), 2 wrong arguments, 3 Scipion would drop protocols (`create`), 4 project or file do not
fit, 5 the project has protocols whose plugin is missing (`create`, unless `--read-only` lets it be opened for reading).
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util  # Scipion uses it without importing it
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workflow_record import Made, adopt, begun, note_begun, read_made, was_made_from, write_made
from workflow_state import (
    ACTIVE,
    DROPPED,
    INTERACTIVE,
    MISFIT,
    MISSING,
    OK,
    UNFINISHED,
    Refused,
    State,
    Turn,
    Wanted,
    awaited,
    dropped,
    existing,
    is_busy,
    lacks,
    locked,
    newly_dead,
    own_folder,
    parse_workflow,
    project_folder,
    projects,
    read_states,
    ready,
    unknown,
    was_killed,
)

READ_ONLY = ".workflow.readonly"  # in the project's folder: it was we who made it read-only
POLL_SECONDS, PERSON_SECONDS = 1.0, 10.0
ENVIRONMENT = dict(os.environ)


def scipion() -> Any:
    """Scipion's protocols and classes (its "domain"), with its configuration read as its own command does.

    Nothing of pyworkflow may be imported before: it reads its configuration once, when it is imported.
    """
    arguments, sys.argv = sys.argv, sys.argv[:1]
    os.environ.update(importlib.import_module("scipion.__main__").VARS)
    sys.argv = arguments
    config = importlib.import_module("pyworkflow").Config
    os.environ.update(config.getVars())
    return config.getDomain()


def open_project(domain: Any, folder: Path) -> Any:
    """A project, not loaded yet. Whoever loads it is in its folder from then on."""
    return importlib.import_module("pyworkflow.project").Project(domain, str(folder))


def make_project(domain: Any, folder: Path, file: Path, wanted: Sequence[Wanted]) -> dict[str, str]:
    """Make a project with a workflow; returns the class of each box by its id.

    Some protocols forget the label that they are given: it is set again.
    """
    project = open_project(domain, folder)
    project.create()
    made = project.loadProtocols(str(file))
    for protocol in wanted:
        if protocol.label:
            made[protocol.id].setObjLabel(protocol.label)
            project.mapper.store(made[protocol.id])
    project.mapper.commit()
    project.closeMapper()
    os.chdir("/")
    return {made[step.id].strId(): step.class_name for step in wanted}


def look_at(folder: Path, wanted: Sequence[Wanted], digest: str, read_only: bool) -> list[State]:
    """Make a project that is there already what it should be; returns its protocols whose plugin is missing.

    It may have more than its workflow by now; raises Refused if it has less. Steps that died become failed.
    """
    states = read_states(folder)
    if not was_made_from(folder, digest) and (missing := lacks(states, wanted)):
        raise Refused(MISFIT, f"project {folder.name} exists and lacks {', '.join(missing)} of this workflow")
    adopt(folder, states, wanted, digest)
    domain = scipion()
    lost = unknown(states, domain.getProtocols())
    if not lost or read_only:
        try:
            with locked(folder.name, "run"):
                settle(domain, folder, bool(lost))
        except Refused:  # it runs: whoever runs it has settled it
            say(f"the workflow of {folder.name} is running")
    return lost


def settle(domain: Any, folder: Path, read_only: bool) -> None:
    """Let the project itself say which of its steps died, and whether it may be changed; it is opened only then."""
    was_read_only = (folder / READ_ONLY).exists()
    if read_only == was_read_only and not newly_dead(folder):
        return
    project = open_project(domain, folder)
    project.load()
    fail_dead(project, folder)
    if read_only != was_read_only:
        project.setReadOnly(read_only)
        project.settings.write()
        (folder / READ_ONLY).touch() if read_only else (folder / READ_ONLY).unlink()
    project.closeMapper()
    os.chdir("/")


def fail_dead(project: Any, folder: Path) -> None:
    """Steps that are active for Scipion and whose process is gone fail, with the reason, in both databases."""
    dead = newly_dead(folder)
    for run in project.getRuns(refresh=False):
        if run.strId() in dead:
            run.setFailed(dead[run.strId()].error)
            store(project, run)


def store(project: Any, run: Any) -> None:
    """Write a protocol to its own database, which Scipion believes, and to the project's."""
    if Path(run.getDbPath()).is_file():
        run.setMapper(project.createMapper(run.getDbPath()))
        run._store()
        run.getMapper().close()
    run.setMapper(project.mapper)
    project.mapper.store(run)
    project.mapper.commit()


def create(name: str, file: Path, read_only: bool = False) -> dict[str, Any]:
    """Make the project beside its place and move it there when complete; see the module's description."""
    folder, text = project_folder(name), file.read_text()
    wanted, digest = parse_workflow(text), hashlib.sha256(text.encode()).hexdigest()
    report = {"project": name, "created": False, "protocols": len(wanted), "dropped": [], "missing": []}
    with locked(name, "create"):
        if folder.exists():
            lost = look_at(folder.resolve(), wanted, digest, read_only)
            return {**report, "missing": [state.row() for state in lost]}
        domain = scipion()
        if absent := dropped(wanted, domain.getProtocols()):
            return {**report, "dropped": [protocol.row() for protocol in absent]}
        partial = own_folder() / f"{name}.part"
        shutil.rmtree(partial, ignore_errors=True)
        steps = make_project(domain, partial, file.resolve(), wanted)
        write_made(partial, Made(digest, steps))
        folder.parent.mkdir(mode=0o750, exist_ok=True)
        partial.rename(folder)
    return {**report, "created": True}


class Runner:
    """Runs the project file's steps in one project, each through Scipion's scheduler when its inputs are there.

    Boxes that the user has made, and steps that he has started or reset himself, are his: none of them is started here.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._made, self._begun = folder, read_made(folder), begun(folder)
        self._project = open_project(scipion(), folder)
        # Steps whose process was killed, with an earlier run or by a restart of the machine: ours start again.
        self._interrupted = {state.id for state in read_states(folder) if was_killed(state)}
        self._started: set[str] = set()
        logging.disable(logging.WARNING)  # it says that a protocol "is dead" between its scheduling and its start
        self._project.load()
        fail_dead(self._project, folder)

    def run(self) -> list[str]:
        """Return when nothing runs and nothing more can start: the steps that a person must finish first."""
        while True:
            protocols = {run.strId(): run for run in self._project.getRuns(refresh=True, checkPids=True)}
            turns = {name: self._turn(run) for name, run in protocols.items()}
            begin = ready(turns, self._started)
            for name in begin:
                self._start(protocols[name])
            if not begin and not is_busy(turns):
                return awaited(turns)
            reap()
            time.sleep(POLL_SECONDS)

    def _turn(self, run: Any) -> Turn:
        name = run.strId()
        node = self._project.getRunsGraph().getNode(name)
        parents = [parent.run.strId() for parent in node.getParents() if parent.run is not None]
        outputs = [output for _, output in run.iterOutputAttributes() if hasattr(output, "isStreamOpen")]
        growing = any(output.isStreamOpen() for output in outputs)
        interrupted = name in self._interrupted and name not in self._started
        parents += [str(number) for number in run.getPrerequisites()]
        mine = self._made.has(name, run.getClassName())
        return Turn(
            run.getStatus(), parents, run.worksInStreaming(), growing, interrupted, mine, name in self._begun
        )  # fmt: skip

    def _start(self, run: Any) -> None:
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
    """Run a project's workflow; see the module's description."""
    folder = existing(name)
    if (folder / READ_ONLY).exists():
        say(f"project {name} is open for reading only, since it has steps whose plugin is not installed")
        return UNFINISHED
    with locked(name, "run"):
        persons = Runner(folder).run()
        states = read_states(folder)
        if persons:
            become("await", name, *persons)
    made = read_made(folder)
    states = [state for state in states if made.has(state.id, state.class_name)]
    for state in states:
        say(f"{state.label}: {state.status}" + (f": {state.error}" if state.error else ""))
    return OK if all(state.status == "finished" for state in states) else UNFINISHED


def await_person(name: str, steps: Sequence[str]) -> int:
    """Wait until one of the steps waits for a person no more, then run; this needs no Scipion, and little memory."""
    folder = existing(name)
    with locked(name, "run"):
        waiting = {state.id: state.label for state in read_states(folder) if state.id in steps}
        say(f"waiting for a person to finish: {', '.join(waiting.values())}; the workflow then goes on by itself")
        while all(is_awaited(state) for state in read_states(folder) if state.id in steps):
            time.sleep(PERSON_SECONDS)
        become("run", name)
    return OK


def is_awaited(state: State) -> bool:
    """Whether a step waits for a person, or works on what the person has told it to."""
    return state.status == INTERACTIVE or state.status in ACTIVE


def become(*words: str) -> None:
    """Go on as another command of this program, with the memory that it needs. The locks end here."""
    os.chdir("/")
    os.execve(sys.executable, [sys.executable, __file__, *words], ENVIRONMENT)


def status(name: str) -> dict[str, Any]:
    """State of all protocols."""
    folder = existing(name)
    made = read_made(folder)
    rows = [{**state.row(), "step": made.has(state.id, state.class_name)} for state in read_states(folder)]
    return {"project": name, "protocols": rows}


def running() -> dict[str, Any]:
    """The protocols of all projects whose process lives, whoever has started them."""
    found = [(folder, state) for folder in projects() for state in read_states(folder) if state.status in ACTIVE]
    return {"running": [{"project": folder.name, **state.row()} for folder, state in found]}


def stop() -> dict[str, Any]:
    """End all that `running` names; returns what was ended."""
    found = running()
    domain = scipion() if found["running"] else None
    for name in sorted({row["project"] for row in found["running"]}):
        project = open_project(domain, existing(name))
        project.load()
        ids = {row["id"] for row in found["running"] if row["project"] == name}
        for run in project.getRuns(refresh=False):
            if run.strId() in ids:
                project.stopProtocol(run)
        project.closeMapper()
        os.chdir("/")
    return {"stopped": found["running"]}


def say(message: str) -> None:
    """A line for people."""
    print(message, file=sys.stderr, flush=True)


def answer(options: argparse.Namespace) -> dict[str, Any]:
    """What a command that answers with a document has to say."""
    if options.command == "create":
        return create(options.name, options.file, options.read_only)
    if options.command == "status":
        return status(options.name)
    return running() if options.command == "running" else stop()


def main(arguments: Sequence[str]) -> int:
    """Command line; see the module's description."""
    parser = argparse.ArgumentParser(prog="scipion-workflow")
    commands = parser.add_subparsers(dest="command", required=True)
    for word in ("create", "run", "await", "status"):
        command = commands.add_parser(word)
        command.add_argument("name")
        if word == "create":
            command.add_argument("file", type=Path)
            command.add_argument("--read-only", action="store_true")
        if word == "await":
            command.add_argument("steps", nargs="+")
    for word in ("running", "stop"):
        commands.add_parser(word)
    options = parser.parse_args(arguments)
    # Scipion prints as it likes: only the report may reach standard output.
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        if options.command == "run":
            return run(options.name)
        if options.command == "await":
            return await_person(options.name, options.steps)
        print(json.dumps(result := answer(options)), file=report, flush=True)
        is_missing = result.get("missing") and not options.read_only
        return DROPPED if result.get("dropped") else MISSING if is_missing else OK
    except Refused as refused:
        say(f"scipion-workflow: {refused}")
        return refused.code
    except OSError as error:
        say(f"scipion-workflow: {error}")
        return MISFIT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
