"""New and changed files: sent under unfinished names, many at a time, and then put in their places."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.plan.names import BESIDE, is_reserved, split
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.read_tree import NOTHING, NotAFile
from cloudify_scipion.agent.work import lease, staging
from cloudify_scipion.agent.work.beside import beside, know_beside, place_group, saved_beside
from cloudify_scipion.agent.work.content import Busy, Copied, Destroyed, Held, Job
from cloudify_scipion.agent.work.databases import upload
from cloudify_scipion.agent.work.failures import failed, not_saved
from cloudify_scipion.agent.work.links import upload_link
from cloudify_scipion.agent.work.place import Deferred, Outcome, Placing
from cloudify_scipion.agent.work.put_off import waits
from cloudify_scipion.agent.work.questions import DESTROYED, REPLACED
from cloudify_scipion.agent.work.replacing import ask_about_replaced, fates_of, saved
from cloudify_scipion.agent.work.run import Run
from cloudify_scipion.agent.work.space_folders import folder_again, folder_for
from cloudify_scipion.agent.work.staging import Staged
from cloudify_scipion.agent.work.trash import budget
from cloudify_scipion.agent.work.world import World

BATCH, MOST, BATCH_BYTES = 400, 4000, 256_000_000
"""So many files at a time, and so many more as are in the last one's folder; bytes."""
LARGE_BYTES = 32_000_000
"""Files from this size on wait for all others."""
ROUND_SECONDS = 300.0
"""So long large files are sent before it is looked what else is new."""
TRIES = 3
BOOT = "boot"
"""The boot of the machine in which all was last saved."""
Sized = tuple[bytes, int]
"""A path, and its bytes."""
KEPT_NAME = "this name is kept for the data space's own folder: rename it"


def upload_all(run: Run, whole: bool = True) -> list[bytes]:
    """Send all that is new or changed, small files first; unless it is to be the `whole`, not more large ones than take
    a while. Returns the paths where a folder of ours must be deleted first.
    """
    index, clock = run.world.index, run.world.clock
    run.world.progress.start("saving", *index.change_totals())
    deferred = [path for batch in _batches(_small(run.world)) for path in upload_batch(run, batch)]
    began = clock.elapsed()
    for batch in _batches(_large(run.world)):
        if not whole and clock.elapsed() - began > ROUND_SECONDS:
            run.result.rest = True
            break
        deferred += upload_batch(run, batch)
    if (asked := index.answered(DESTROYED, "restore")) or index.answer_to(DESTROYED):
        index.answer(DESTROYED, "save", asked or None)  # what was brought back is safe: now all goes as it is
        upload_batch(run, [(path, 0) for path in run.result.restored])
        index.settled_as_asked(DESTROYED)
    _try_held_again(run)
    ask_about_replaced(run)
    return deferred


def _try_held_again(run: Run) -> None:
    """Less may have been thrown away than was feared: where it was not, there is room by now."""
    room, after = budget(run.world), b""
    while held := run.world.index.waiting(REPLACED, after, BATCH):
        fits = [(path, 0) for path, size in held if room.takes(size)]
        if fits:
            upload_batch(run, fits)
        after = held[-1][0]


def upload_deferred(run: Run, paths: Sequence[bytes]) -> None:
    """Send those for which room was made; where a folder's files are held, the file in its place waits with them."""
    index = run.world.index
    for path in paths:
        number = index.folder_id(path)
        if number is not None and any(map(index.files, index.below(number))):
            index.count_try(path)
            run.result.held += 1
            continue
        index.drop_folder(path)
        upload_batch(run, [(path, 0)])
    run.world.keep()


def _small(world: World) -> Iterator[Sized]:
    after = 0
    while rows := world.index.changes(after, BATCH, LARGE_BYTES):
        yield from ((path, size) for _, path, _, size in rows)
        after = rows[-1][0]


def _large(world: World) -> Iterator[Sized]:
    after = LARGE_BYTES, -1
    while rows := world.index.large_changes(after, BATCH):
        yield from ((path, size) for _, path, _, size in rows)
        after = rows[-1][3], rows[-1][0]


def _batches(files: Iterator[Sized]) -> Iterator[list[Sized]]:
    """So many files at a time that the lease is looked at often enough."""
    batch: list[Sized] = []
    total = 0
    for path, size in files:
        full = len(batch) >= BATCH and (len(batch) >= MOST or split(path)[0] != split(batch[-1][0])[0])
        if full or total >= BATCH_BYTES:
            yield batch
            batch, total = [], 0
        batch.append((path, size))
        total += size
    if batch:
        yield batch


def upload_batch(run: Run, files: Sequence[Sized]) -> list[bytes]:
    """Send some files and put them in their places; returns as `upload_all`.

    Raises AgentError, when what was sent is saved, if the data space takes nothing any more.
    """
    waiting = {path for path, _ in files if run.world.index.folder_id(path) is not None}
    copied: list[tuple[Job, Copied]] = []
    down: AgentError | None = None
    jobs = _jobs(run, [(path, size) for path, size in files if path not in waiting] if waiting else files)
    staged = staging.stage(run, jobs)
    targets = staging.targets(staged, jobs)
    jobs = [replace(job, target=targets.get(job.path, b"")) for job in jobs] if targets else jobs
    for job, answer in run.world.each(lambda job: _upload(run, job), jobs):
        if isinstance(answer, OSError):
            try:
                not_saved(run, job, answer)
            except AgentError as error:
                down = error
        elif answer is not None:
            copied.append((job, answer))
    deferred = _place_all(run, copied, staged)
    for folder in staged:
        staging.discard(run.world.space, folder)
    if down:
        raise down
    return [*sorted(waiting), *deferred]


def _jobs(run: Run, files: Sequence[Sized]) -> list[Job]:
    index, paths = run.world.index, [path for path, _ in files]
    unclean = index.get_state(BOOT) not in (None, run.world.clock.boot())
    tried, busy, known = set(index.busy()), set(index.busy(TRIES)), index.rows(paths)
    groups = {path: saved_beside(run.world, path) for path in index.groups(paths)}
    hold = fates_of(run, known).hold
    for path in filter(is_reserved, paths):
        run.fail(path, KEPT_NAME)
    return [
        Job(
            path, known.get(path), force=run.final or path in busy, size=size, final=run.final,
            unclean=unclean and not index.holds_for(DESTROYED, "save", path),
            tried=path in tried, group=path in groups, beside=groups.get(path, {}), hold=path in hold,
        )
        for path, size in files
        if not is_reserved(path) and not _waits(run, path, size)
    ]  # fmt: skip


def _waits(run: Run, path: bytes, size: int) -> bool:
    """Whether a large file has failed not long ago: it is named, and not tried."""
    earlier = None if run.final else waits(run.world, path, size)
    if earlier is not None:
        run.fail(path, earlier.reason, earlier.room)
    return earlier is not None


def _upload(run: Run, job: Job) -> Copied | None:
    """None for what is gone, or something else by now: the next scan sees what."""
    try:
        return upload(run.world, run.able, job)
    except OSError as error:
        if job.target and not isinstance(error, Busy | Destroyed | Held):
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
    moves = [(job, item) for job, item in copied if _is_to_be_placed(job, item)]
    same = [(job, item) for job, item in copied if not _is_to_be_placed(job, item)]
    for job, item in same:
        for one, known in ((item, job.known), *((made, None) for made in item.beside)):
            if one.row != known:
                index.put(one.path, one.row)
    done, deferred = _place_moves(run, moves, staged) if moves else ([], [])
    done += [item.path for _, item in same]
    index.fulfil(done)
    index.not_busy(done)
    saved(run.world, done)
    run.world.keep()
    return deferred


def _is_to_be_placed(job: Job, item: Copied) -> bool:
    """Whether the data space is to be changed: also where something lies beside a database no more."""
    own = {made.path[len(item.path) :] for made in item.beside}
    return bool(item.temporary or item.clear or own != job.beside.keys() or any(made.temporary for made in item.beside))


def _place_moves(
    run: Run, moves: Sequence[tuple[Job, Copied]], staged: Sequence[Staged]
) -> tuple[list[bytes], list[bytes]]:
    """Put uploads in their places; returns the paths of what is there, and of what has to wait for deletions."""
    world = run.world
    earlier = world.index.intents()
    world.index.intend((one.path, one.row.hash) for _, item in moves for one in (item, *item.beside))
    lease.check(world)
    whole = [pair for folder, inside in staging.by_folder(staged, moves) if staging.put_in_place(world, folder)
             for pair in inside]  # fmt: skip
    for job, item in whole:
        _placed(run, Outcome(item.path, item.row), Placing(item, job.known))
    ready = {item.path for _, item in whole}
    moves = _with_folders(run, [pair for pair in moves if pair[1].path not in ready])
    fates = fates_of(run, {item.path: job.known for job, item in moves})
    placings = [
        Placing(
            item, job.known, frozenset(earlier.get(item.path, ())), world.index.folder_id(item.path) is not None,
            beside(item.path, world.index.rows) if item.database else {},
            {end: frozenset(earlier.get(item.path + end, ())) for end in BESIDE} if item.database else {},
            item.path in fates.passing, item.path in fates.beyond,
        )
        for job, item in moves
    ]  # fmt: skip
    done, deferred = list(ready), []
    sizes = {job.path: job.size for job, _ in moves}
    for placing, answer in world.each(lambda placing: place_group(world, placing), placings):
        path = placing.copied.path
        if isinstance(answer, FileNotFoundError | NotADirectoryError):
            answer = _place_again(run, placing)
        if isinstance(answer, Deferred):
            deferred.append(path)
            _withdraw(world, placing.copied)
        elif isinstance(answer, OSError):
            _withdraw(world, placing.copied)
            failed(run, path, answer, sizes[path])
        else:
            _placed(run, answer, placing)
            done.append(path)
    world.space.forget()
    return done, deferred


def _with_folders(run: Run, moves: Sequence[tuple[Job, Copied]]) -> list[tuple[Job, Copied]]:
    """Make the folders of these files; without those whose folder cannot be made there."""
    bad: dict[bytes, OSError] = {}
    for path in sorted({split(item.path)[0] for _, item in moves if not item.row.stored}):
        try:
            folder_for(run, path)
        except OSError as error:
            bad[path] = error
    for job, item in moves:
        refused = None if item.row.stored else bad.get(split(item.path)[0])
        if refused is not None:
            _withdraw(run.world, item)
            failed(run, item.path, refused, job.size)
    return [(job, item) for job, item in moves if item.row.stored or split(item.path)[0] not in bad]


def _withdraw(world: World, copied: Copied) -> None:
    """Take an upload away that is not put in its place; if that fails, the next push does it."""
    if copied.temporary:
        with contextlib.suppress(OSError):
            world.space.unlink(copied.temporary)


def _place_again(run: Run, placing: Placing) -> Outcome | OSError:
    """The folder is not there any more: somebody has taken it away."""
    try:
        if not placing.copied.row.stored:
            folder_again(run, split(placing.copied.path)[0])
        return place_group(run.world, placing)
    except OSError as error:
        return error


def _placed(run: Run, outcome: Outcome, placing: Placing) -> None:
    assert outcome.row is not None
    run.world.index.put(outcome.path, outcome.row)
    know_beside(run.world, outcome)
    run.note(outcome)
    run.result.files, run.result.size = run.result.files + 1, run.result.size + placing.copied.size
    run.world.progress.add(1, placing.copied.size)
