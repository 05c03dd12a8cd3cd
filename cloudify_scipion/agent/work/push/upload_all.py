"""New and changed files: sent under unfinished names, many at a time, and then put in their places."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.plan.names import is_reserved, split
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.read_tree import NOTHING, NotAFile
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.databases.clear_beside import saved_beside
from cloudify_scipion.agent.work.databases.save import upload
from cloudify_scipion.agent.work.parallel import CHUNK
from cloudify_scipion.agent.work.push import folders
from cloudify_scipion.agent.work.push.place_all import place_all
from cloudify_scipion.agent.work.push.send import Busy, Copied, Destroyed, Held, Upload, upload_link
from cloudify_scipion.agent.work.push.tally import Run, not_saved, waits
from cloudify_scipion.agent.work.questions import DESTROYED, REPLACED
from cloudify_scipion.agent.work.space.names_there import place_for
from cloudify_scipion.agent.work.trash.limits import ask_about_replaced, budget, fates_of
from cloudify_scipion.agent.work.world import World

BATCH, MOST, BATCH_BYTES = 1600, 4000, 256_000_000
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
    run.world.progress.start("saving", *index.changes.totals())
    deferred = [path for batch in _batches(_small(run.world)) for path in upload_batch(run, batch)]
    began = clock.elapsed()
    for batch in _batches(_large(run.world)):
        if not whole and clock.elapsed() - began > ROUND_SECONDS:
            run.result.rest = True
            break
        deferred += upload_batch(run, batch)
    if asked := index.people.answered(DESTROYED, index.people.answer_to(DESTROYED)):
        index.people.answer(DESTROYED, "save", asked)  # what was brought back is safe: now all goes as it is
        upload_batch(run, [(path, 0) for path in run.result.restored])
        index.people.settled_as_asked(DESTROYED)
    _try_held_again(run)
    ask_about_replaced(run)
    return deferred


def _try_held_again(run: Run) -> None:
    """Less may have been thrown away than was feared: where it was not, there is room by now."""
    after = b""
    while held := run.world.index.people.waiting(REPLACED, after, BATCH):
        room = budget(run.world)
        fits = [(path, 0) for path, size in held if room.takes(size)]
        if fits:
            upload_batch(run, fits)
        after = held[-1][0]


def upload_deferred(run: Run, paths: Sequence[bytes]) -> None:
    """Send those for which room was made; where a folder's files are held, the file in its place waits with them."""
    index = run.world.index
    for path in paths:
        number = index.folders.number(path)
        if number is not None and any(map(index.files.inside, index.folders.below(number))):
            index.attempts.count_try(path)
            run.result.held += 1
            continue
        index.folders.drop(path)
        upload_batch(run, [(path, 0)], last=True)
    run.world.commit_and_tell()


def _small(world: World) -> Iterator[Sized]:
    after = 0
    while rows := world.index.changes.some(after, BATCH, LARGE_BYTES):
        yield from ((path, size) for _, path, _, size in rows)
        after = rows[-1][0]


def _large(world: World) -> Iterator[Sized]:
    after = LARGE_BYTES, -1
    while rows := world.index.changes.large(after, BATCH):
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


def upload_batch(run: Run, files: Sequence[Sized], last: bool = False) -> list[bytes]:
    """Send some files and put them in their places; returns as `upload_all`.

    `last`: nothing is deleted any more to make room for them. Raises AgentError, when what was sent is saved, if the
    data space takes nothing any more.
    """
    waiting = {path for path, _ in files if run.world.index.folders.number(path) is not None}
    copied: list[tuple[Upload, Copied]] = []
    down: AgentError | None = None
    if run.world.index.gone.covered_total():
        files = _with_way(run, files)
    jobs = _jobs(run, [(path, size) for path, size in files if path not in waiting] if waiting else files)
    staged = folders.stage(run, jobs)
    targets = folders.targets(staged, jobs)
    jobs = [replace(job, target=targets.get(job.path, b"")) for job in jobs] if targets else jobs
    for job, answer in run.world.each(lambda job: _upload(run, job), _spread(jobs)):
        if isinstance(answer, OSError):
            try:
                not_saved(run, job, answer)
            except AgentError as error:
                down = error
        elif answer is not None:
            copied.append((job, answer))
    deferred = place_all(run, copied, staged, last)
    for folder in staged:
        folders.discard(run.world.space, folder)
    if down:
        raise down
    return [*sorted(waiting), *deferred]


def _spread(jobs: Sequence[Upload]) -> list[Upload]:
    """In an order in which threads work in several folders: what changes one folder waits for each other there."""
    folders: dict[bytes, deque[Upload]] = {}
    for job in jobs:
        folders.setdefault(split(job.path)[0], deque()).append(job)
    spread: list[Upload] = []
    while folders:
        for name, left in [*folders.items()]:
            spread += [left.popleft() for _ in range(min(CHUNK, len(left)))]
            if not left:
                del folders[name]
    return spread


def _jobs(run: Run, files: Sequence[Sized]) -> list[Upload]:
    index, paths = run.world.index, [path for path, _ in files]
    unclean = index.get_state(BOOT) not in (None, run.world.clock.boot())
    tried, busy, known = set(index.attempts.busy()), set(index.attempts.busy(TRIES)), index.files.rows(paths)
    groups = {path: saved_beside(run.world, path) for path in index.changes.groups(paths)}
    hold = fates_of(run, known).hold
    for path in filter(is_reserved, paths):
        run.fail(path, KEPT_NAME)
    return [
        Upload(
            path, known.get(path), force=run.final or path in busy, size=size, final=run.final,
            unclean=unclean and not index.people.holds_for(DESTROYED, "save", path),
            tried=path in tried, group=path in groups, beside=groups.get(path, {}), hold=path in hold,
            stored=_stored(run, path, known.get(path)),
        )
        for path, size in files
        if not is_reserved(path) and not _waits(run, path, size)
    ]  # fmt: skip


def _with_way(run: Run, files: Sequence[Sized]) -> list[Sized]:
    """Those that are in no folder in whose place a file was that is not deleted yet."""
    ready = [(path, size) for path, size in files if not run.world.index.gone.covers(path)]
    run.result.waiting += len(files) - len(ready)
    run.result.held += len(files) - len(ready)
    return ready


def _waits(run: Run, path: bytes, size: int) -> bool:
    """Whether a large file has failed not long ago: it is named, and not tried."""
    earlier = None if run.final else waits(run.world, path, size)
    if earlier is not None:
        run.fail(path, earlier.reason, earlier.room)
    return earlier is not None


def _stored(run: Run, path: bytes, known: Row | None) -> bytes:
    """Where a content goes that cannot have its name in the data space; there it stays."""
    if known is not None and known.stored and (known.kind == "f" or run.able.symlinks):
        return known.stored
    return place_for(run.world, path)


def _upload(run: Run, job: Upload) -> Copied | None:
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
