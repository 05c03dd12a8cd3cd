"""Everything that an import comes to: sources are read, joined, and given software; nothing is written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudify_scipion.catalogue.entries.model import Catalogue
from cloudify_scipion.catalogue.importing.software import find_software, homes
from cloudify_scipion.errors import Problem
from cloudify_scipion.project.documents import is_folder
from cloudify_scipion.project.importing.acquisition import find_acquisition
from cloudify_scipion.project.importing.document import data_decisions, draft
from cloudify_scipion.project.importing.join import join
from cloudify_scipion.project.importing.model import Decision, Fact, Question, Reading
from cloudify_scipion.project.importing.sources import read_source
from cloudify_scipion.project.load import check_documents
from cloudify_scipion.project.nearest import nearest
from cloudify_scipion.project.workflow import workflow_problems


@dataclass
class Import:
    """What comes out: `document` and `protocols` are to be written, if there are no problems."""

    readings: list[Reading] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    protocols: list[Mapping[str, Any]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def import_project(
    paths: Sequence[Path], answers: Mapping[str, str], output: Path, given: Mapping[str, Any], catalogue: Catalogue
) -> Import:
    """Read exports, templates and project folders, and make a project document of them that is to stand in `output`.

    `answers` are those to the templates' questions. `given` may have `id`, `title` and `size_gb`.
    """
    result = Import(_read(paths, answers))
    result.questions = [question for reading in result.readings for question in reading.questions]
    result.problems += [problem for reading in result.readings for problem in reading.problems]
    result.problems += _unknown_answers(answers, result)
    result.problems += _twice(paths)
    result.protocols, result.decisions = join([reading for reading in result.readings if not reading.problems])
    acquisition, open_ones = find_acquisition(result.protocols)
    evidence = [item for reading in result.readings for item in reading.evidence]
    software = find_software(result.protocols, evidence, catalogue)
    workflow = workflow_path(output)
    result.document, guessed = draft(output.stem, workflow.name, result.readings, acquisition, given)
    result.document["software"] = software.software
    result.facts = [*software.facts, *acquisition]
    data = data_decisions(result.protocols, [*homes(software.software, catalogue)])
    result.decisions = [
        *guessed, *software.decisions, *open_ones, *data, *result.decisions,
    ]  # fmt: skip
    result.problems += check_documents(result.document, None, str(output))
    if len(paths) > 1 and not result.problems:
        result.problems += workflow_problems(result.protocols, str(workflow))
    return result


def workflow_path(output: Path) -> Path:
    """Where the workflow of a project file is written: beside it."""
    return output.parent / f"{output.stem}.workflow.json"


def _read(paths: Sequence[Path], answers: Mapping[str, str]) -> list[Reading]:
    """All sources. A folder gives only versions where a file gives the workflow: it is that project's export."""
    with_file = any(not is_folder(path) for path in paths)
    return [read_source(path, answers, only_versions=with_file) for path in paths]


def _unknown_answers(answers: Mapping[str, str], result: Import) -> Iterator[Problem]:
    asked = {name for question in result.questions for name in (question.name, question.label) if name}
    for key in answers:
        variable = any(f"%({key})s" in question.default for question in result.questions)
        if key not in asked and not variable:
            hint = nearest(key, asked) or (f"; asked are {', '.join(sorted(asked))}" if asked else "; nothing is asked")
            yield Problem("--set", "$", f"no template asks for {key!r}{hint}")


def _twice(paths: Sequence[Path]) -> Iterator[Problem]:
    seen: set[str] = set()
    for path in paths:
        real = os.path.realpath(path)
        if real in seen:
            yield Problem(str(path), "$", "it is given twice")
        seen.add(real)
