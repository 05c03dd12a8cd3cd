"""Whether what is to be copied fits the volume, where this host can look: data in a folder of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from cloudify_scipion.project.load import Loaded
from cloudify_scipion.project.spaces import split_source

SECONDS = 20.0
"""So long a folder is looked through at most: nobody waits for a check."""
GB = 1_000_000_000


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
