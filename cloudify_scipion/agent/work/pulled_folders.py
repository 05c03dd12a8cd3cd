"""The data space's folders, here: made where nothing of the user is in their way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cloudify_scipion.agent.plan.names import joined, split
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.rows import THERE
from cloudify_scipion.agent.work.conflicts import keep_beside
from cloudify_scipion.agent.work.exchange import gives_way, set_aside_older
from cloudify_scipion.agent.work.fetch import make_local_folder
from cloudify_scipion.agent.work.pulled import Result
from cloudify_scipion.agent.work.wanted import is_folder_wanted
from cloudify_scipion.agent.work.world import World


def pull_folders(
    world: World, folders: Sequence[tuple[bytes, int]], bases: Mapping[bytes, dict[str, Any]], result: Result
) -> None:
    """Make folders of the data space (path, mode), and know that they are in both places."""
    for path, mode in folders:
        known, base = world.index.folder_id(path), bases.get(path)
        if (known is not None and world.index.folder(known).remote) or not is_folder_wanted(world, path, bool(base)):
            continue
        if not _make_folder(world, path, base["m"] if base else mode, result):
            continue
        number = world.index.add_folder(path)
        world.index.set_folder(number, remote=THERE)
        if base is None:
            world.index.note_change(path)


def make_parents(world: World, paths: Iterable[bytes], result: Result) -> None:
    """The folders of what is pulled; the user may have moved or removed them meanwhile."""
    for path in sorted({split(path)[0] for path in paths}):
        _make_folder(world, path, 0o755, result)


def _make_folder(world: World, path: bytes, mode: int, result: Result) -> bool:
    """Make a folder here, if nothing of the user is in its way."""
    try:
        _clear_way(world, path)
        make_local_folder(world, path, mode)
        return True
    except OSError as error:
        if not is_blocked(world, path, result) and (path, _why(error)) not in result.failed:
            result.failed.append((path, _why(error)))
    return False


def _clear_way(world: World, path: bytes) -> None:
    """A file or link of others, in whose place others have put a folder since, gets the name of a conflict."""
    facts = world.tree.stat(path) if path else None
    if facts is None or kind(facts) == "d" or not gives_way(world, path, world.index.get(path), 0):
        return
    there = world.space.stat(path)
    if there is not None and kind(there) == "d":
        world.index.drop(path)  # first: it was not deleted here
        world.keep()
        set_aside_older(world, path)


def is_blocked(world: World, path: bytes, result: Result) -> bool:
    """Whether a file is here where the data space has a folder: then that gets the name of a conflict."""
    above = b""
    for name in path.split(b"/"):
        above = joined(above, name)
        try:
            here = world.tree.stat(above)
            if here is not None and kind(here) != "d":
                _keep_folder_beside(world, above, result)
                return True
        except OSError:
            return False  # whoever asks tells what failed
    return False


def _why(error: OSError) -> str:
    return f"the folder cannot be made here: {error.strerror}"


def _keep_folder_beside(world: World, path: bytes, result: Result) -> None:
    there = world.space.stat(path)
    if there is not None and kind(there) == "d":
        keep_beside(world, path)
        world.space.forget()
        result.conflicts += 1
