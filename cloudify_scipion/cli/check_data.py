"""What `check` finds out of a project's data: whether their secrets are known and good for long enough, and whether
what is to be copied fits the volume, where this host can look: data in a folder of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloudify_scipion.adapters.secrets import FileSecrets
from cloudify_scipion.adapters.state import state_root
from cloudify_scipion.errors import InputError, PermanentError, Problem
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.load import Loaded
from cloudify_scipion.project.space_kinds.kind import DataSpace
from cloudify_scipion.project.spaces import split_source

SECONDS = 20.0
"""So long a folder is looked through at most: nobody waits for a check."""
GB = 1_000_000_000


def secret_notes(loaded: Loaded, project: Path, site: Path) -> list[str]:
    """What is known of each secret. Raises InputError where one ends before the project does."""
    end = datetime.now(UTC) + timedelta(days=loaded.project.time_limit.days)
    notes, problems = [], []
    for space, name in _needed(loaded):
        needs = f"the data space {space.name} needs the secret {name}"
        try:
            message = space.secret_problem(FileSecrets(state_root() / "secrets").get(name), end)
        except (PermanentError, OSError) as error:
            why = error.next_step if isinstance(error, PermanentError) else f"{error.strerror}: {error.filename}"
            notes.append(f"{needs}, which is not known here: {why}")
            continue
        notes.append(f"{needs}, which is known here")
        if message and space.SECRET in loaded.project.secrets:
            problems.append(Problem(str(project), f"$.secrets.{space.SECRET}", message))
        elif message:
            problems.append(
                Problem(str(site), child_path(child_path("$.data_spaces", space.name), space.SITE_SECRET), message)
            )
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


def room_notes(loaded: Loaded) -> Iterator[str]:
    """That the first copy will not fit, if that is known by now; patterns may leave out anything."""
    data, volume = loaded.project.data.project, loaded.project.volume.size_gb
    if data is None or data.include or data.exclude:
        return
    name, path = split_source(data.source)
    space = loaded.site.data_spaces.get(name)
    if space is None or not space.root:
        return
    found = taken(Path(space.root) / path, volume * GB)
    if found > volume * GB:
        much = f"{found / GB:.1f} GB"
        yield f"{data.source} has more than {much}, and the volume {volume} GB: the first copy will not fit"


def taken(folder: Path, most: int, seconds: float = SECONDS) -> int:
    """Bytes of the files below a folder, without holes; it ends at more than `most`, or when the time is over."""
    total, until = 0, time.monotonic() + seconds
    for where, folders, names in os.walk(folder):
        if ".cloudify-scipion" in folders:
            folders.remove(".cloudify-scipion")
        for name in names:
            total += _data_of(Path(where, name))
        if total > most or time.monotonic() > until:
            break
    return total


def _data_of(path: Path) -> int:
    try:
        facts = path.lstat()
    except OSError:
        return 0
    return min(facts.st_size, facts.st_blocks * 512)
