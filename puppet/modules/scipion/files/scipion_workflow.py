"""Scipion workflows without Scipion's windows; run it as the project's user, in Scipion's environment.

    scipion-workflow create NAME FILE   make the project NAME from an exported workflow
    scipion-workflow run NAME           run what has not run yet, through Scipion's scheduler, until nothing is left
    scipion-workflow status NAME        what each protocol is doing

`create` and `status` print one JSON document; everything else goes to standard error. Exit status: 0 done, 1 a protocol
did not finish (`run`), 2 wrong arguments, 3 Scipion would drop protocols (`create`), 4 project or file do not fit.
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

from workflow_state import (
    ACTIVE,
    DROPPED,
    MISFIT,
    OK,
    UNFINISHED,
    Refused,
    Turn,
    Wanted,
    command_line,
    died,
    dropped,
    existing,
    lacks,
    locked,
    own_folder,
    parse_workflow,
    project_folder,
    read_states,
    ready,
)

RECORD = ".workflow.sha256"  # in the project's folder: what it was made from
POLL_SECONDS = 1.0


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


def make_project(domain: Any, folder: Path, file: Path, wanted: Sequence[Wanted]) -> None:
    """Make a project with a workflow. Some protocols forget the label that they are given: it is set again."""
    project = importlib.import_module("pyworkflow.project").Project(domain, str(folder))
    project.create()
    made = project.loadProtocols(str(file))
    for protocol in wanted:
        if protocol.label:
            made[protocol.id].setObjLabel(protocol.label)
            project.mapper.store(made[protocol.id])
    project.mapper.commit()
    project.closeMapper()
    os.chdir("/")


def check_existing(folder: Path, wanted: Sequence[Wanted], digest: str) -> None:
    """Raise Refused unless the project was made from this workflow, or has its protocols; it may have more by now."""
    record = folder / RECORD
    if record.is_file() and record.read_text() == digest:
        return
    if missing := lacks(read_states(folder), wanted):
        raise Refused(MISFIT, f"project {folder.name} exists and lacks {', '.join(missing)} of this workflow")


def create(name: str, file: Path) -> dict[str, Any]:
    """Make the project beside its place and move it there when complete; see the module's description."""
    folder, text = project_folder(name), file.read_text()
    wanted, digest = parse_workflow(text), hashlib.sha256(text.encode()).hexdigest()
    report = {"project": name, "created": False, "protocols": len(wanted), "dropped": []}
    with locked(name):
        if folder.exists():
            check_existing(folder, wanted, digest)
            return report
        domain = scipion()
        if lost := dropped(wanted, domain.getProtocols()):
            return {**report, "dropped": [protocol.row() for protocol in lost]}
        partial = own_folder() / f"{name}.part"
        shutil.rmtree(partial, ignore_errors=True)
        make_project(domain, partial, file.resolve(), wanted)
        (partial / RECORD).write_text(digest)
        folder.parent.mkdir(mode=0o750, exist_ok=True)
        partial.rename(folder)
    return {**report, "created": True}


class Runner:
    """Runs the protocols of one project, each through Scipion's scheduler the moment its inputs are there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        domain = scipion()
        self._project = importlib.import_module("pyworkflow.project").Project(domain, str(folder))
        self._interrupted: set[str] = set()
        self._started: set[str] = set()
        logging.disable(logging.WARNING)  # it says that a protocol "is dead" between its scheduling and its start
        self._project.load()
        self._find_interrupted()

    def _find_interrupted(self) -> None:
        """Protocols whose process was killed, with an earlier run or by a restart of the machine, start again."""
        for protocol in self._project.getRuns(refresh=False):
            line = command_line(int(protocol.getPid() or 0))
            if died(protocol.getStatus(), protocol.getErrorMessage(), line, str(self._folder)):
                self._interrupted.add(protocol.strId())

    def run(self) -> None:
        """Return when nothing runs and nothing more can start."""
        while True:
            protocols = {run.strId(): run for run in self._project.getRuns(refresh=True, checkPids=True)}
            turns = {name: self._turn(run) for name, run in protocols.items()}
            begin = ready(turns, self._started)
            for name in begin:
                self._start(protocols[name])
            if not begin and not any(turn.status in ACTIVE for turn in turns.values()):
                return
            reap()
            time.sleep(POLL_SECONDS)

    def _turn(self, run: Any) -> Turn:
        node = self._project.getRunsGraph().getNode(run.strId())
        parents = [parent.run.strId() for parent in node.getParents() if parent.run is not None]
        outputs = [output for _, output in run.iterOutputAttributes() if hasattr(output, "isStreamOpen")]
        growing = any(output.isStreamOpen() for output in outputs)
        interrupted = run.strId() in self._interrupted and run.strId() not in self._started
        parents += [str(number) for number in run.getPrerequisites()]
        return Turn(run.getStatus(), parents, run.worksInStreaming(), growing, interrupted)

    def _start(self, run: Any) -> None:
        """Hand it to Scipion's scheduler, which would wait for ever for an invalid one: that fails here instead."""
        self._started.add(run.strId())
        if errors := run.validate():
            say(f"{run.getObjLabel()}: not valid")
            run.setFailed("; ".join(errors))
            self._project.mapper.store(run)
            self._project.mapper.commit()
            return
        say(f"{run.getObjLabel()}: scheduled")
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
    with locked(name):
        Runner(folder).run()
    states = read_states(folder)
    for state in states:
        say(f"{state.label}: {state.status}" + (f": {state.error}" if state.error else ""))
    return OK if all(state.status == "finished" for state in states) else UNFINISHED


def status(name: str) -> dict[str, Any]:
    """State of all protocols."""
    return {"project": name, "protocols": [state.row() for state in read_states(existing(name))]}


def say(message: str) -> None:
    """A line for people."""
    print(message, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Command line; see the module's description."""
    parser = argparse.ArgumentParser(prog="scipion-workflow")
    commands = parser.add_subparsers(dest="command", required=True)
    for word in ("create", "run", "status"):
        command = commands.add_parser(word)
        command.add_argument("name")
        if word == "create":
            command.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    # Scipion prints as it likes: only the report may reach standard output.
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        if options.command == "run":
            return run(options.name)
        result = status(options.name) if options.command == "status" else create(options.name, options.file)
        print(json.dumps(result), file=report, flush=True)
        return DROPPED if result.get("dropped") else OK
    except Refused as refused:
        say(f"scipion-workflow: {refused}")
        return refused.code
    except OSError as error:
        say(f"scipion-workflow: {error}")
        return MISFIT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
