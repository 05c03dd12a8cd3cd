"""Which secrets a project's data need, whether they are known here, and whether they are good for long enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloudify_scipion.adapters.secrets import FileSecrets
from cloudify_scipion.adapters.state import state_root
from cloudify_scipion.errors import InputError, PermanentError, Problem
from cloudify_scipion.project.load import Loaded
from cloudify_scipion.project.space_kinds.kind import DataSpace
from cloudify_scipion.project.spaces import split_source


def secret_notes(loaded: Loaded, project: Path, site: Path) -> list[str]:
    """What is known of each secret. Raises InputError where one ends before the project does."""
    end = datetime.now(UTC) + timedelta(days=loaded.project.time_limit.days)
    secrets = FileSecrets(state_root() / "secrets")
    notes, problems = [], []
    for space, name in _needed(loaded):
        needs = f"the data space {space.name} needs the secret {name}"
        try:
            message = space.secret_problem(secrets.get(name), end)
        except (PermanentError, OSError) as error:
            notes.append(f"{needs}, which is not known here: {_why(error)}")
            continue
        notes.append(f"{needs}, which is known here")
        if message:
            problems.append(_problem(loaded, space, message, project, site))
    if problems:
        raise InputError(problems)
    return notes


def _needed(loaded: Loaded) -> Iterator[tuple[DataSpace, str]]:
    """The data spaces that the project uses and that a secret opens, each once, with the secret's name."""
    data = loaded.project.data
    sources = [part.source for part in (data.project, *data.datasets) if part]
    for name in dict.fromkeys(split_source(source)[0] for source in sources):
        space = loaded.site.data_spaces[name]
        if secret := space.secret_name(loaded.project.secrets):
            yield space, secret


def _problem(loaded: Loaded, space: DataSpace, message: str, project: Path, site: Path) -> Problem:
    if space.SECRET in loaded.project.secrets:
        return Problem(str(project), f"$.secrets.{space.SECRET}", message)
    return Problem(str(site), f"$.data_spaces.{space.name}.{space.SITE_SECRET}", message)


def _why(error: PermanentError | OSError) -> str:
    return error.next_step if isinstance(error, PermanentError) else f"{error.strerror}: {error.filename}"
