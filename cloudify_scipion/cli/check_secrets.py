"""Which secrets a project's data need, whether they are known here, and whether they are good for long enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloudify_scipion.adapters.secrets import FileSecrets
from cloudify_scipion.adapters.state import state_root
from cloudify_scipion.errors import InputError, PermanentError, Problem
from cloudify_scipion.project.load import Loaded
from cloudify_scipion.project.spaces import DataSpace, split_source, token_name
from cloudify_scipion.project.tokens import expiry_problem


def secret_notes(loaded: Loaded, project: Path, site: Path) -> list[str]:
    """What is known of each secret. Raises InputError where one ends before the project does."""
    end = datetime.now(UTC) + timedelta(days=loaded.project.time_limit.days)
    secrets = FileSecrets(state_root() / "secrets")
    notes, problems = [], []
    for space, name in _needed(loaded):
        needs = f"the data space {space.name} needs the secret {name}"
        try:
            message = expiry_problem(secrets.get(name), end)
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
        if secret := token_name(space, loaded.project.secrets):
            yield space, secret


def _problem(loaded: Loaded, space: DataSpace, message: str, project: Path, site: Path) -> Problem:
    if "onedata_token" in loaded.project.secrets:
        return Problem(str(project), "$.secrets.onedata_token", message)
    return Problem(str(site), f"$.data_spaces.{space.name}.token", message)


def _why(error: PermanentError | OSError) -> str:
    return error.next_step if isinstance(error, PermanentError) else f"{error.strerror}: {error.filename}"
