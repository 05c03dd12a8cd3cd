"""What was sent is put in its place: the folders first, then file by file; what comes in another's way, last."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from cloudify_scipion.agent.plan.names import BESIDE, split
from cloudify_scipion.agent.work.databases.clear_beside import beside, know_beside, place_group
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.push import folders
from cloudify_scipion.agent.work.push.folders import Staged, folder_again, folder_for
from cloudify_scipion.agent.work.push.place import Deferred, Occupied, Outcome, Placing, oddly
from cloudify_scipion.agent.work.push.send import Copied, Upload
from cloudify_scipion.agent.work.push.tally import Run, failed
from cloudify_scipion.agent.work.space.names_there import NameRefused, each_apart, twin_of
from cloudify_scipion.agent.work.trash.limits import fates_of, saved
from cloudify_scipion.agent.work.world import World

Answer = Outcome | OSError


def place_all(run: Run, copied: Sequence[tuple[Upload, Copied]], staged: Sequence[Staged], last: bool) -> list[bytes]:
    """Intents first, then the lease, then the renames, then the index: killed anywhere, the next push puts it right."""
    index = run.world.index
    moves = [(job, item) for job, item in copied if _is_to_be_placed(job, item)]
    same = [(job, item) for job, item in copied if not _is_to_be_placed(job, item)]
    for job, item in same:
        for one, known in ((item, job.known), *((made, None) for made in item.beside)):
            if one.row != known:
                index.files.put(one.path, one.row)
    done, deferred = _place_moves(run, moves, staged, last) if moves else ([], [])
    done += [item.path for _, item in same]
    index.attempts.fulfil(done)
    index.attempts.not_busy(done)
    saved(run.world, done)
    run.world.commit_and_tell()
    return deferred


def _is_to_be_placed(job: Upload, item: Copied) -> bool:
    """Whether the data space is to be changed: also where something lies beside a database no more."""
    own = {made.path[len(item.path) :] for made in item.beside}
    return bool(item.temporary or item.clear or own != job.beside.keys() or any(made.temporary for made in item.beside))


def _place_moves(
    run: Run, moves: Sequence[tuple[Upload, Copied]], staged: Sequence[Staged], last: bool
) -> tuple[list[bytes], list[bytes]]:
    """Put uploads in their places; returns the paths of what is there, and of what has to wait for deletions."""
    world = run.world
    earlier = world.index.attempts.intents()
    world.index.attempts.intend((one.path, one.row.hash) for _, item in moves for one in (item, *item.beside))
    lease.check(world)
    whole = [pair for folder, inside in folders.by_folder(staged, moves) if folders.put_in_place(world, folder)
             for pair in inside]  # fmt: skip
    for job, item in whole:
        _placed(run, Outcome(item.path, item.row), Placing(item, job.known))
    ready = {item.path for _, item in whole}
    moves, refused = _with_folders(run, [pair for pair in moves if pair[1].path not in ready])
    fates = fates_of(run, {item.path: job.known for job, item in moves})
    placings = [
        Placing(
            item, job.known, frozenset(earlier.get(item.path, ())), world.index.folders.number(item.path) is not None,
            beside(item.path, world.index.files.rows) if item.database else {},
            {end: frozenset(earlier.get(item.path + end, ())) for end in BESIDE} if item.database else {},
            item.path in fates.passing, item.path in fates.beyond,
        )
        for job, item in moves
    ]  # fmt: skip
    placings = [oddly(world, it) if split(it.copied.path)[0] in refused else it for it in placings]
    done, deferred = list(ready), []
    sizes = {job.path: job.size for job, _ in moves}
    for placing, answer in _answers(run, placings, last):
        path = placing.copied.path
        if isinstance(answer, Deferred):
            deferred.append(path)
            _withdraw(world, placing.copied)
        elif isinstance(answer, OSError):
            _withdraw(world, placing.copied)
            failed(run, path, answer, sizes[path])
        else:
            _placed(run, answer, placing)
            done.append(path)
    if run.able.changed and done:
        world.index.files.seen_there(done, lease.moment(world))
    world.space.forget()
    return done, deferred


def _with_folders(run: Run, moves: Sequence[tuple[Upload, Copied]]) -> tuple[list[tuple[Upload, Copied]], set[bytes]]:
    """Make the folders of these files; without those whose folder cannot be made there.

    Returns as well the folders whose names the data space cannot hold.
    """
    bad: dict[bytes, OSError] = {}
    odd: set[bytes] = set()
    for path in sorted({split(item.path)[0] for _, item in moves if not item.row.stored}):
        try:
            folder_for(run, path)
        except NameRefused:
            odd.add(path)
        except OSError as error:
            bad[path] = error
    for job, item in moves:
        refused = None if item.row.stored else bad.get(split(item.path)[0])
        if refused is not None:
            _withdraw(run.world, item)
            failed(run, item.path, refused, job.size)
    return [(job, item) for job, item in moves if item.row.stored or split(item.path)[0] not in bad], odd


def _withdraw(world: World, copied: Copied) -> None:
    """Take an upload away that is not put in its place; if that fails, the next push does it."""
    if copied.temporary:
        with contextlib.suppress(OSError):
            world.space.unlink(copied.temporary)


def _answers(run: Run, placings: Sequence[Placing], last: bool) -> Iterator[tuple[Placing, Answer]]:
    """Put all in their places; what may be in another one's place comes last, when all others are known."""
    world, occupied = run.world, list[Placing]()
    for placing, answer in each_apart(world, lambda it: place_group(world, it), placings, lambda it: it.copied.path):
        if isinstance(answer, FileNotFoundError | NotADirectoryError):
            answer = _place_again(run, placing)
        if isinstance(answer, Occupied):
            occupied.append(placing)
        else:
            yield placing, answer
    for placing in occupied:
        world.session.beat()
        yield placing, _place_beside_twin(run, placing, last)


def _place_again(run: Run, placing: Placing) -> Answer:
    """The folder is not there any more: somebody has taken it away."""
    try:
        if not placing.copied.row.stored:
            folder_again(run, split(placing.copied.path)[0])
        return place_group(run.world, placing)
    except NameRefused:
        return place_group(run.world, oddly(run.world, placing))
    except OSError as error:
        return error


def _place_beside_twin(run: Run, placing: Placing, last: bool) -> Answer:
    """Something is there: it has this name, or another one that is the same there and was first."""
    world, path = run.world, placing.copied.path
    try:
        twin = twin_of(world, path)
        if twin is None:
            return place_group(world, replace(placing, sure=True))
        if not last and world.index.gone.has(twin):
            return Deferred(0, "another name of it is to be deleted first", os.fsdecode(path))
        return place_group(world, oddly(world, placing))
    except OSError as error:
        return error


def _placed(run: Run, outcome: Outcome, placing: Placing) -> None:
    assert outcome.row is not None
    run.world.index.files.put(outcome.path, outcome.row)
    know_beside(run.world, outcome)
    run.note(outcome)
    if outcome.row.stored and not (placing.known and placing.known.stored):
        run.result.odd.append(outcome.path)
    run.result.files, run.result.size = run.result.files + 1, run.result.size + placing.copied.size
    run.world.progress.add(1, placing.copied.size)
