"""Scipion workflows without Scipion's windows; run it as the project's user, in Scipion's environment.

    scipion-workflow create NAME FILE   make the project NAME from an exported workflow, or look whether it is all right
    scipion-workflow run NAME           run the project file's steps, through Scipion's scheduler, until none is left
    scipion-workflow await NAME ID=OUTPUTS ...  wait until a person has finished these steps, then run
    scipion-workflow status NAME        what each protocol is doing
    scipion-workflow running            the protocols of all projects that are running
    scipion-workflow stop               end them, as Scipion's own Stop does
    scipion-workflow settle             let protocols fail whose process is gone, in all projects

All but `run` and `await` print one JSON document; everything else goes to standard error. Exit status: 0 done, 1 a
protocol did not finish (`run`), 2 wrong arguments, 3 Scipion would drop protocols (`create`), 4 project or file do not
fit, 5 the project has protocols whose plugin is missing (`create`, unless `--read-only` lets it be opened for reading).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workflow_places import (
    DROPPED,
    GET_BACK,
    MISFIT,
    MISSING,
    OK,
    Refused,
    awaited_now,
    existing,
    is_there,
    locked,
    own_folder,
    project_folder,
)
from workflow_project import has_to_settle, make_project, running_steps, settle, settle_all, stop_all
from workflow_record import Made, adopt, read_made, renamed, was_made_from, write_made
from workflow_run import await_person, run, say
from workflow_scipion import are_known, scipion
from workflow_state import State, Wanted, dropped, lacks, parse_workflow, read_states, unknown

CREATE_SECONDS = 120.0
"""So long one may work on whose caller was killed: nothing ends it then."""


def look_at(folder: Path, wanted: Sequence[Wanted], digest: str, read_only: bool) -> list[State]:
    """Make a project that is there already what it should be; returns its protocols whose plugin is missing.

    It may have more than its workflow by now; raises Refused if it has less. Steps that died become failed, those of
    the user's other projects as well. Scipion is loaded only where there is something to do.
    """
    states = read_states(folder)
    if not was_made_from(folder, digest) and (missing := lacks(states, wanted)):
        raise Refused(MISFIT, f"project {folder.name} exists and lacks {', '.join(missing)} of this workflow")
    adopt(folder, states, wanted, digest)
    is_known = are_known({state.class_name for state in states})
    lost = [] if is_known else unknown(states, scipion().getProtocols())
    if (not lost or read_only) and has_to_settle(folder, bool(lost)):
        try:
            with locked(folder.name, "run"):
                settle(scipion(), folder, bool(lost))
        except Refused:  # it runs: whoever runs it has settled it
            say(f"the workflow of {folder.name} is running")
    settle_all()
    return lost


def create(name: str, file: Path, read_only: bool = False) -> dict[str, Any]:
    """Make the project beside its place and move it there when complete; see the module's description."""
    folder, text = project_folder(name), file.read_text()
    wanted, digest = parse_workflow(text), hashlib.sha256(text.encode()).hexdigest()
    report = {"project": name, "created": False, "protocols": len(wanted), "dropped": [], "missing": []}
    with locked(name, "create", CREATE_SECONDS):
        if is_there(folder):
            lost = look_at(folder.resolve(), wanted, digest, read_only)
            return {**report, "missing": [state.row() for state in lost]}
        domain = scipion()
        if absent := dropped(wanted, domain.getProtocols()):
            return {**report, "dropped": [protocol.row() for protocol in absent]}
        partial = own_folder() / f"{name}.part"
        shutil.rmtree(partial, ignore_errors=True)
        steps = make_project(domain, partial, file.resolve(), wanted)
        other = renamed(name)  # its results are there: none of these steps is run once more by itself
        write_made(partial, Made(digest, {} if other else steps, name))
        folder.parent.mkdir(mode=0o750, exist_ok=True)
        partial.rename(folder)
    return {**report, "created": True, "renamed": other}


def status(name: str) -> dict[str, Any]:
    """State of all protocols; `step`: it is the project file's, `awaited`: a person is, by the workflow."""
    folder, persons = existing(name), awaited_now(name)
    made = read_made(folder)
    rows = [
        {**state.row(), "step": made.has(state.id, state.class_name), "awaited": state.id in persons}
        for state in read_states(folder)
    ]
    return {"project": name, "protocols": rows}


def rows(found: Sequence[tuple[Path, State]]) -> list[dict[str, str]]:
    """Protocols of several projects, as they are reported."""
    return [{"project": folder.name, **state.row()} for folder, state in found]


def answer(options: argparse.Namespace) -> dict[str, Any]:
    """What a command that answers with a document has to say."""
    if options.command == "create":
        return create(options.name, options.file, options.read_only)
    if options.command == "status":
        return status(options.name)
    if options.command == "settle":
        return {"settled": settle_all()}
    return {"running": rows(running_steps())} if options.command == "running" else {"stopped": rows(stop_all())}


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; see the module's description."""
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
    for word in ("running", "stop", "settle"):
        commands.add_parser(word)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Command line; see the module's description."""
    options = options_of(arguments)
    # Scipion prints as it likes: only the report may reach standard output.
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        if options.command == "run":
            return run(options.name)
        if options.command == "await":
            return await_person(options.name, dict(step.split("=", 1) for step in options.steps))
        print(json.dumps(result := answer(options)), file=report, flush=True)
        is_missing = result.get("missing") and not options.read_only
        return DROPPED if result.get("dropped") else MISSING if is_missing else OK
    except Refused as refused:
        say(f"scipion-workflow: {refused}")
        return refused.code
    except sqlite3.Error as error:
        say(f"scipion-workflow: project.sqlite cannot be read: {error}. If it is damaged, {GET_BACK}")
        return MISFIT
    except OSError as error:
        say(f"scipion-workflow: {error}")
        return MISFIT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
