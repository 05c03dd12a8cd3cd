"""What a project's folder remembers of its workflow: which boxes are its steps, and which we started."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workflow_places import projects
from workflow_state import State, Wanted

STEPS = ".workflow.json"
BEGUN = ".workflow.begun"
OLD = ".workflow.sha256"
"""What earlier versions left: only the digest."""


@dataclass(frozen=True)
class Made:
    """What a project was made from: the workflow's digest, and the class of each box that is its step, by id.

    `project` is how it was called then.
    """

    digest: str = ""
    steps: Mapping[str, str] = field(default_factory=dict)
    project: str = ""

    def has(self, id: str, class_name: str) -> bool:
        """Whether a box is a step of the project file; a number may have been given again to another box."""
        return self.steps.get(id) == class_name


def read_made(folder: Path) -> Made:
    """What the project's folder remembers; of a project that was made elsewhere, or a record that was cut, nothing."""
    try:
        given = json.loads((folder / STEPS).read_text())
        return Made(given["digest"], dict(given["steps"]), given.get("project", ""))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Made()


def write_made(folder: Path, made: Made) -> None:
    """Remember it; what a killed write leaves is no record."""
    partial = folder / f"{STEPS}.part"
    partial.write_text(json.dumps({"digest": made.digest, "steps": dict(made.steps), "project": made.project}))
    partial.rename(folder / STEPS)


def was_made_from(folder: Path, digest: str) -> bool:
    """Whether the project was made from the workflow of that digest, as this or an earlier version remembers it."""
    old = folder / OLD
    return read_made(folder).digest == digest or (old.is_file() and old.read_text() == digest)


def steps_among(states: Sequence[State], wanted: Sequence[Wanted]) -> dict[str, str]:
    """The boxes of a project that are steps of a workflow, where nobody has remembered them: class and label agree.

    Each step is one box, the oldest; a box that the user has renamed counts as his.
    """
    left, found = list(states), {}
    for step in wanted:
        box = next((s for s in left if s.class_name == step.class_name and step.label in ("", s.label)), None)
        if box:
            left.remove(box)
            found[box.id] = box.class_name
    return found


def adopt(folder: Path, states: Sequence[State], wanted: Sequence[Wanted], digest: str) -> None:
    """Remember the steps of a project that is there already, unless they are known."""
    made = read_made(folder)
    if made.digest != digest:
        write_made(folder, Made(digest, steps_among(states, wanted), folder.name))


def renamed(name: str) -> str:
    """What a project that was made as `name` is called now, where the user has renamed it; empty if he has not."""
    return next((other.name for other in projects() if name != other.name and read_made(other).project == name), "")


def begun(folder: Path) -> set[str]:
    """Steps that this program has started, in this run or an earlier one."""
    try:
        return set((folder / BEGUN).read_text().split())
    except FileNotFoundError:
        return set()


def note_begun(folder: Path, id: str) -> None:
    """Remember that a step is being started."""
    with (folder / BEGUN).open("a") as file:
        file.write(f"{id}\n")
