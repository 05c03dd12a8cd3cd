"""The project document of an import, and what is left for a person."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.importing.model import Decision, Fact, Reading
from cloudify_scipion.project.names import label

SIZE_GB = 10
"""A guess, until somebody says better."""
_MANY = 8


def draft(
    name: str, workflow_file: str, readings: Sequence[Reading], acquisition: Sequence[Fact], given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Decision]]:
    """A project document without its software, and what was guessed in it.

    `name` is the file's, without ending. `given` may have `id`, `title` and `size_gb`, as a person wants them.
    """
    decisions = []
    title = _title(name, readings)
    if given.get("title") is None:
        decisions.append(Decision("$.title", f"{title!r} is a guess: say what people should read (--title)"))
    if given.get("size_gb") is None:
        decisions.append(
            Decision("$.volume.size_gb", f"{SIZE_GB} GB are a guess: say how much room it takes (--size-gb)")
        )
    message = "the workflow is loaded and not run; with true here the install runs it, and wait_minutes waits for it"
    decisions.append(Decision("$.workflow.run", message))
    document = {
        "id": _or(given.get("id"), label(name)[:40].rstrip("-")),
        "title": _or(given.get("title"), title),
        "acquisition": {fact.path.rpartition(".")[2]: fact.value for fact in acquisition},
        "software": {},
        "workflow": {"file": workflow_file},
        "volume": {"size_gb": _or(given.get("size_gb"), SIZE_GB)},
    }
    return {key: value for key, value in document.items() if value != {} or key == "software"}, decisions


def data_decisions(protocols: Sequence[Mapping[str, Any]], brought: Collection[str] = ()) -> Iterator[Decision]:
    """Files that the workflow reads: of a data space that a person must name, or of the project it was made in.

    Folders that the software brings (`brought`) are no question.
    """
    data: dict[str, str] = {}
    for index, protocol in enumerate(protocols):
        where = child_path("$", index)
        for key, value in text_parameters(protocol):
            if any(is_below(value, folder) for folder in brought):
                continue
            if value.startswith("/"):
                data.setdefault(value, child_path(where, key))
            elif re.match(r"Runs/", value):
                name = f"{protocol['object.className']} {protocol['object.id']}"
                message = f"{name} reads {value!r} of the project it comes from; a new project does not have it"
                yield Decision("$.workflow", message)
    if data:
        more = f" and {len(data) - _MANY} more" if len(data) > _MANY else ""
        listed = ", ".join(list(data)[:_MANY])
        yield Decision("$.data", f"the workflow reads {listed}{more}: say where these come from (data.datasets)")


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder of the machine or lies in it."""
    return bool(folder) and (path == folder or path.startswith(f"{folder}/"))


def text_parameters(protocol: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Parameters that are text; what an export adds about results is none."""
    for key, value in protocol.items():
        if isinstance(value, str) and not key.startswith("object.") and key not in ("summary", "log"):
            yield key, value


def _title(name: str, readings: Sequence[Reading]) -> str:
    described = next((reading.description for reading in readings if reading.description), name)
    plain = "".join(char for char in described if char.isprintable())
    first = re.split(r"(?<=[.!?])\s", plain)[0].rstrip(".")
    return (first or name)[:200].strip() or "Imported"


def _or(given: Any, guessed: Any) -> Any:
    return guessed if given is None else given
