"""New and changed files: sent under unfinished names, many at a time, and then put in their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cloudify_scipion.agent.errors import NoRoom
from cloudify_scipion.agent.plan.names import is_reserved, split
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.read_tree import NOTHING, NotAFile
from cloudify_scipion.agent.work import lease, staging
from cloudify_scipion.agent.work.content import Busy, Copied, Destroyed, Job, upload
from cloudify_scipion.agent.work.failures import not_saved
from cloudify_scipion.agent.work.links import upload_link
from cloudify_scipion.agent.work.place import Deferred, Outcome, Placing, place
from cloudify_scipion.agent.work.questions import DESTROYED, allowed
from cloudify_scipion.agent.work.run import Run
from cloudify_scipion.agent.work.space_folders import folder_again, folder_for
from cloudify_scipion.agent.work.staging import Staged
from cloudify_scipion.agent.work.world import World

BATCH, MOST, BATCH_BYTES = 400, 4000, 256_000_000
"""So many files at a time, and so many more as are in the last one's folder; bytes."""
TRIES = 3
BOOT = "boot"
"""The boot of the machine in which all was last saved."""
KEPT_NAME = "this name is kept for the data space's own folder: rename it"


def upload_all(run: Run) -> list[bytes]:
    """Send all that is new or changed. Returns the paths where a folder of ours must be deleted first."""
    index = run.world.index
    run.world.progress.start("saving", *index.change_totals())
    deferred = [path for batch in _batches(run.world) for path in upload_batch(run, batch)]
    if index.answer_to(DESTROYED):
        index.answer(DESTROYED, "save")  # what was brought back is safe: now all goes as it is
        upload_batch(run, run.result.restored)
        index.settled(DESTROYED)
    return deferred


def upload_deferred(run: Run, paths: Sequence[bytes]) -> None:
    """Send those for which room was made."""
    for path in paths:
        run.world.index.drop_folder(path)
        upload_batch(run, [path])


def _batches(world: World) -> Iterator[list[bytes]]:
    """The paths of new and changed files, so many at a time that the lease is looked at often enough."""
    batch: list[bytes] = []
    size, after = 0, 0
    while rows := world.index.changes(after, BATCH):
        for number, path, _, length in rows:
            full = len(batch) >= BATCH and (len(batch) >= MOST or split(path)[0] != split(batch[-1])[0])
            if full or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
            batch.append(path)
            size, after = size + length, number
    if batch:
        yield batch


def upload_batch(run: Run, paths: Sequence[bytes]) -> list[bytes]:
    """Send some files and put them in their places; returns as `upload_all`. Raises NoRoom when what fits is saved."""
    copied: list[tuple[Job, Copied]] = []
    full: NoRoom | None = None
    jobs = _jobs(run, paths)
    staged = staging.stage(run, jobs)
    targets = staging.targets(staged, jobs)
    jobs = [replace(job, target=targets.get(job.path, b"")) for job in jobs] if targets else jobs
    for job, answer in run.world.each(lambda job: _upload(run, job), jobs):
        if isinstance(answer, OSError):
            try:
                not_saved(run, job, answer)
            except NoRoom as error:
                full = error
        elif answer is not None:
            copied.append((job, answer))
    deferred = _place_all(run, copied, staged)
    for folder in staged:
        staging.discard(run.world.space, folder)
    if full:
        raise full
    return deferred


def _jobs(run: Run, paths: Sequence[bytes]) -> list[Job]:
    index = run.world.index
    unclean = index.get_state(BOOT) not in (None, run.world.clock.boot()) and not allowed(run.world, DESTROYED, "save")
    busy, known = set(index.busy(TRIES)), index.rows(paths)
    for path in filter(is_reserved, paths):
        run.fail(path, KEPT_NAME)
    return [
        Job(path, known.get(path), force=run.final or path in busy, unclean=unclean)
        for path in paths
        if not is_reserved(path)
    ]


def _upload(run: Run, job: Job) -> Copied | None:
    """None for what is gone, or something else by now: the next scan sees what."""
    try:
        return upload(run.world, run.able, job)
    except OSError as error:
        if job.target and not isinstance(error, Busy | Destroyed):
            return _upload(run, replace(job, target=b""))  # a name that the space cannot tell from another, say
        if not isinstance(error, NotAFile) and error.errno not in NOTHING:
            raise
        facts = run.world.tree.stat(job.path)
        form = kind(facts) if facts is not None else ""
        if form == "f":  # it is the data space that lacks something
            raise
    return upload_link(run.world, run.able, job, facts) if facts is not None and form == "l" else None


def _place_all(run: Run, copied: Sequence[tuple[Job, Copied]], staged: Sequence[Staged] = ()) -> list[bytes]:
    """Intents first, then the lease, then the renames, then the index: killed anywhere, the next push puts it right."""
    index = run.world.index
    moves = [(job, item) for job, item in copied if item.temporary or item.clear]
    same = [(job, item) for job, item in copied if not (item.temporary or item.clear)]
    for job, item in same:
        if item.row != job.known:
            index.put(item.path, item.row)
    done, deferred = _place_moves(run, moves, staged) if moves else ([], [])
    done += [item.path for _, item in same]
    index.fulfil(done)
    index.not_busy(done)
    run.world.keep()
    return deferred


def _place_moves(
    run: Run, moves: Sequence[tuple[Job, Copied]], staged: Sequence[Staged]
) -> tuple[list[bytes], list[bytes]]:
    """Put uploads in their places; returns the paths of what is there, and of what has to wait for deletions."""
    world = run.world
    earlier = world.index.intents()
    world.index.intend((item.path, item.row.hash) for _, item in moves)
    lease.check(world)
    whole = [pair for folder, inside in staging.by_folder(staged, moves) if staging.put_in_place(world, folder)
             for pair in inside]  # fmt: skip
    for job, item in whole:
        _placed(run, Outcome(item.path, item.row), Placing(item, job.known))
    ready = {item.path for _, item in whole}
    moves = [pair for pair in moves if pair[1].path not in ready]
    for path in sorted({split(item.path)[0] for _, item in moves if not item.row.stored}):
        folder_for(run, path)
    placings = [
        Placing(item, job.known, frozenset(earlier.get(item.path, ())), world.index.folder_id(item.path) is not None)
        for job, item in moves
    ]
    done, deferred = list(ready), []
    for placing, answer in world.each(lambda placing: place(world, placing), placings):
        path = placing.copied.path
        if isinstance(answer, FileNotFoundError | NotADirectoryError):
            answer = _place_again(run, placing)
        if isinstance(answer, Deferred):
            deferred.append(path)
            world.space.unlink(placing.copied.temporary)
        elif isinstance(answer, OSError):
            not_saved(run, Job(path, None), answer)
        else:
            _placed(run, answer, placing)
            done.append(path)
    world.space.forget()
    return done, deferred


def _place_again(run: Run, placing: Placing) -> Outcome | OSError:
    """The folder is not there any more: somebody has taken it away."""
    try:
        if not placing.copied.row.stored:
            folder_again(run, split(placing.copied.path)[0])
        return place(run.world, placing)
    except OSError as error:
        return error


def _placed(run: Run, outcome: Outcome, placing: Placing) -> None:
    assert outcome.row is not None
    run.world.index.put(outcome.path, outcome.row)
    run.note(outcome)
    run.result.files, run.result.size = run.result.files + 1, run.result.size + placing.copied.size
    run.world.progress.add(1, placing.copied.size)
