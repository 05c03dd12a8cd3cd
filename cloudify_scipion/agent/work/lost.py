"""What the index knows and the data space has not any more."""

from __future__ import annotations

from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.rows import HERE, Row
from cloudify_scipion.agent.work.pulled import Result
from cloudify_scipion.agent.work.space import check_space
from cloudify_scipion.agent.work.world import World, again


def find_lost(world: World, result: Result) -> None:
    """Files that the index knows and the data space has not any more: told, and saved again by the next push."""
    for path, row in world.index.all_files():
        if not row.held() or not _may_be_lost(world, path, row):
            continue
        world.beat()
        try:
            there = _is_there(world, path, row)
        except OSError as error:
            result.failed.append((path, f"it cannot be looked at in the data space: {error.strerror}"))
            continue
        if not there:
            result.lost += 1
            world.index.put(path, row.without_remote())
    if result.lost:
        check_space(world)  # is it there at all?
        world.tell(f"{result.lost} files were deleted in the data space; they are still here, and are saved again")
    _find_lost_folders(world)


def _may_be_lost(world: World, path: bytes, row: Row) -> bool:
    """Whether the listing does not say that it is there. Links that the data space cannot hold are in the manifest."""
    return row.kind != "l" if row.stored else not world.index.in_listing(path, row.kind)


def _is_there(world: World, path: bytes, row: Row) -> bool:
    there = again(lambda: world.space.stat(row.stored or path))
    return there is not None and kind(there) == row.kind


def _find_lost_folders(world: World) -> None:
    for number, path in list(world.index.all_folders()):
        if path and world.index.folder(number).remote and not world.index.in_listing(path, "d"):
            world.index.set_folder(number, remote=HERE)
