"""Pull and scan: what is new in the data space comes into the working copy. Nothing that is there is ever replaced."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cloudify_scipion.agent.errors import NoRoom, Unsaved
from cloudify_scipion.agent.plan.guards import is_zeros
from cloudify_scipion.agent.plan.manifest import Entry, entry_from
from cloudify_scipion.agent.plan.names import RESERVED, joined, split
from cloudify_scipion.agent.plan.patterns import selected
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.tree import kind, mtime_of, patient
from cloudify_scipion.agent.work import lease
from cloudify_scipion.agent.work.content import CHUNK, digest_of, is_young, with_facts
from cloudify_scipion.agent.work.fetch import Seen, fetch, fetch_linked, link_row, make_link, make_local_folder
from cloudify_scipion.agent.work.manifest_reading import read_manifest
from cloudify_scipion.agent.work.manifests import catch_up
from cloudify_scipion.agent.work.moves import settle_move
from cloudify_scipion.agent.work.place import is_beginning, keep_beside, throw_away
from cloudify_scipion.agent.work.push import PULLED, clear_remains
from cloudify_scipion.agent.work.space import abilities, check_space, open_space, place_of
from cloudify_scipion.agent.work.trash import know_trash, note_trash
from cloudify_scipion.agent.work.world import World, again, check_volume

BATCH = 400
KEEP_SECONDS = 5.0
LISTING, LISTING_SECONDS = "listing", 3600.0
"""When the listing was begun that a killed work has left; older ones are made again."""
RESERVE_BYTES = 64_000_000
"""Room that a pull leaves on the volume."""


@dataclass
class Result:
    """What a pull or scan did."""

    files: int = 0
    size: int = 0
    conflicts: int = 0
    lost: int = 0
    failed: list[tuple[bytes, str]] = field(default_factory=list)


def pull(world: World) -> Result:
    """Take the lease and the first copy; later, and where the index was lost, what is new. Resumable."""
    check_volume(world.config, world.tree, world.state)
    if world.index.get_state(PULLED):
        check_space(world)  # an empty folder where it should be mounted would be taken for a new one
    lease.acquire(world)
    open_space(world)
    world.index.set_state("dirty", True)
    clear_remains(world)
    if not world.index.get_state(PULLED):
        read_manifest(world)
        know_trash(world)
    result = _reconcile(world)
    _finish_pull(world, result)
    return result


def scan(world: World) -> Result:
    """What is new in the data space is pulled, what was changed on both sides kept twice, what is gone there told."""
    check_volume(world.config, world.tree, world.state)
    check_space(world)
    lease.renew(world)
    settle_move(world)
    result = _reconcile(world)
    _all_pulled(result, "they are tried again by the next scan")
    return result


def _all_pulled(result: Result, next_step: str) -> None:
    if result.failed:
        shown = "; ".join(f"{os.fsdecode(path)}: {reason}" for path, reason in result.failed[:10])
        raise Unsaved(f"{len(result.failed)} files could not be pulled: {shown}", next_step)


def _finish_pull(world: World, result: Result) -> None:
    first = not world.index.get_state(PULLED)
    if first:
        _apply_base(world, result)
    again_by = "pull again; nothing is saved until then" if first else "they are tried again by the next scan"
    _all_pulled(result, again_by)
    world.tree.sync()
    world.index.set_state(PULLED, True)
    world.index.forget_base()
    world.keep()


def _reconcile(world: World) -> Result:
    result = Result()
    catch_up(world)
    _list(world)
    _check_room(world)
    _settle(world, result)
    _find_lost(world, result)
    world.index.forget_listing()
    world.index.set_state(LISTING, None)
    world.index.set_state("scanned", world.clock.iso())
    world.tree.sync()
    world.keep()
    return result


# listing


def _list(world: World) -> None:
    """List every folder, several at a time, one level after the other; what was listed before a crash stays listed."""
    world.progress.start("listing the data space")
    if not 0 <= world.clock.now() - float(world.index.get_state(LISTING) or 0) < LISTING_SECONDS:
        world.index.forget_listing()
        world.index.set_state(LISTING, world.clock.now())
    level: list[bytes] = [b""]
    while level:
        unknown = [path for path in level if not world.index.is_listed(path)]
        inside: list[bytes] = []
        for path in level:
            if path not in unknown:
                inside += world.index.listed_folders(path)
        for path, entries in world.each(world.space.entries, unknown):
            if path and isinstance(entries, (FileNotFoundError, NotADirectoryError)):
                world.index.vanished(path)  # since the folder above was listed
                continue
            if isinstance(entries, OSError):
                raise Unsaved(
                    f"{os.fsdecode(path)} in the data space cannot be listed: {entries.strerror}", "scan again"
                )
            rows = [(joined(path, name), facts) for name, facts in entries if path or name != RESERVED]
            world.index.list_remote(path, [(p, kind(st), st.st_mode, st.st_size, mtime_of(st)) for p, st in rows])
            inside += [p for p, st in rows if kind(st) == "d"]
            world.progress.add(len(rows), 0)
        world.index.commit()
        level = inside


def _check_room(world: World) -> None:
    """Raise NoRoom if what is to be pulled does not fit, before it starts."""
    need = files = 0
    for path, form, _, size, _ in _listed(world):
        if form == "f" and world.index.get(path) is None and _wanted(world, path) and world.tree.stat(path) is None:
            files += 1
            base = world.index.base(path)
            if not (base and base.get("ln") and base.get("s", 0) == size):  # another name of the same file
                need += (size + 4095) // 4096 * 4096
    free = world.tree.free()
    if need and need + RESERVE_BYTES > free:
        world.index.set_state(LISTING, None)
        world.index.commit()
        raise NoRoom(
            f"the data take {need / 1e9:.2f} GB, and the volume has {free / 1e9:.2f} GB left",
            "ask for a larger volume, or pull less (data.project.include, exclude)",
        )
    world.progress.start("pulling", files, need)


def _listed(world: World) -> Iterable[tuple[bytes, str, int, int, int]]:
    after = b""
    while rows := world.index.listing(after, 1000):
        yield from rows
        after = rows[-1][0]


def _wanted(world: World, path: bytes) -> bool:
    config = world.config
    plain = not config.include and not config.exclude
    return plain or world.index.base(path) is not None or selected(path, config.include, config.exclude)


# one path after the other


def _settle(world: World, result: Result) -> None:
    saved, after, intended = world.clock.elapsed(), b"", world.index.intents()
    while rows := world.index.listing(after, BATCH):
        after = rows[-1][0]
        _make_folders(world, [(path, mode) for path, form, mode, _, _ in rows if form == "d"], result)
        jobs = [job for row in rows if row[1] in "fl" and (job := _job(world, row, intended)) is not None]
        if not jobs:
            continue
        lease.check(world)
        _make_parents(world, jobs, result)
        _see_all(world, [job for job in jobs if not (job.base and job.base.link)], result)
        later = [job for job in jobs if job.base and job.base.link]  # whose first name is here by now
        _see_all(world, [replace(job, first=world.index.get(job.base.link)) for job in later if job.base], result)
        world.space.forget()
        world.tree.forget()
        if world.clock.elapsed() - saved > KEEP_SECONDS:
            world.tree.sync()
            world.keep()
            saved = world.clock.elapsed()


def _see_all(world: World, jobs: Sequence[Job], result: Result) -> None:
    for job, seen in world.each(lambda job: _see(world, job), jobs):
        if isinstance(seen, FileNotFoundError | NotADirectoryError) and world.space.stat(job.path) is None:
            continue  # gone since it was listed: the next scan sees what became of it
        if isinstance(seen, OSError):
            result.failed.append((job.path, seen.strerror or str(seen)))
        else:
            _keep(world, job, seen, result)


@dataclass(frozen=True)
class Job:
    """A path of the data space that is not as the index knows it. `base` is what the manifest said.

    If that is a hard link, `first` is what the index knows of its first name. `intended`: a push that was interrupted
    may have put it there.
    """

    path: bytes
    form: str
    row: Row | None
    base: Entry | None
    mtime: int
    intended: bool = False
    first: Row | None = None


def _job(world: World, listed: tuple[bytes, str, int, int, int], intended: Mapping[bytes, set[str]]) -> Job | None:
    path, form, _, size, mtime = listed
    row = world.index.get(path)
    known = row is not None and row.held() and not row.stored and row.kind == form
    if known and row and not row.rracy and row.rmtime == mtime and (form == "l" or row.rsize == size):
        return None
    if row is None and not _wanted(world, path):
        return None
    base = world.index.base(path)
    return Job(path, form, row, entry_from(base) if base else None, mtime, path in intended)


def _see(world: World, job: Job) -> Seen:
    local = world.tree.stat(job.path)
    if job.form == "l":
        return _see_link(world, job, local)
    if local is None:
        return fetch_linked(world, job.path, job.path, job.base, job.first, drop=job.row is not None)
    digest, facts = digest_of(world.space, job.path)
    row = job.row
    if row is not None and digest == row.hash and row.doubted():
        return Seen()  # so we see it, others do not: the next push saves it again
    if row is not None and digest == row.hash and row.kind == "f":
        return Seen(
            [(job.path, replace(row, rsize=facts.st_size, rmtime=mtime_of(facts), rracy=is_young(world, facts)))]
        )
    if row is None and kind(local) == "f":
        own, own_facts = digest_of(world.tree, job.path)
        ours = job.base is not None and job.base.hash == digest
        origin = job.base.origin if ours and job.base else 0
        if own == digest or ours:
            held = Row("f", hash=digest, origin=origin, rsize=facts.st_size, rmtime=mtime_of(facts),
                       rracy=is_young(world, facts))  # fmt: skip
            newer = replace(held, size=own_facts.st_size, racy=1)  # the next push saves it
            return Seen([(job.path, with_facts(world, held, own_facts) if own == digest else newer)])
    if row is not None and row.size > 0 and _is_damaged(world, job.path, facts):
        return _throw_damaged(world, job, facts)
    if job.intended and kind(local) == "f" and is_beginning(world.space, job.path, world.tree, job.path):
        return _throw_damaged(world, job, facts)
    return _both(world, job)


def _see_link(world: World, job: Job, local: os.stat_result | None) -> Seen:
    target, row = world.space.readlink(job.path), job.row
    if row is not None and row.held() and (row.kind, row.target) == ("l", target):
        return Seen([(job.path, replace(row, rmtime=job.mtime))])
    if local is None:
        make_link(world, target, job.path)
    elif kind(local) != "l" or world.tree.readlink(job.path) != target:
        return _both(world, job)
    row = link_row(world, job.path, target, job.base.origin if job.base else 0)
    return Seen([(job.path, replace(row, rmtime=job.mtime))], pulled=0)


def _both(world: World, job: Job) -> Seen:
    """Changed on both sides, or something else here: the other version gets another name, there and here."""
    beside = keep_beside(world, job.path)
    seen = Seen(conflicts=1)
    if job.form == "f":
        seen = replace(fetch(world, beside, beside, None), conflicts=1)
    elif job.form == "l":
        target = world.space.readlink(beside)
        make_link(world, target, beside)
        seen.rows.append((beside, link_row(world, beside, target, 0)))
    if job.row is not None:
        seen.rows.append((job.path, job.row.without_remote()))
    return seen


def _is_damaged(world: World, path: bytes, facts: os.stat_result) -> bool:
    """Empty or all zeros where content was: what a cut connection leaves behind."""
    if facts.st_size == 0:
        return True
    fd = world.space.open(path)
    try:
        while data := patient(os.read, fd, CHUNK):
            if not is_zeros(data):
                return False
    finally:
        os.close(fd)
    return True


def _throw_damaged(world: World, job: Job, facts: os.stat_result) -> Seen:
    name = throw_away(world, job.path, 0)
    world.tell(f"{os.fsdecode(job.path)} was empty, zeros or cut short in the data space: it is saved again", "alarm")
    rows = [(job.path, job.row.without_remote())] if job.row is not None else []
    return Seen(rows, trash=[(name, facts.st_size, 0)])


def _keep(world: World, job: Job, seen: Seen, result: Result) -> None:
    if seen.drop:
        world.index.drop(job.path)
    for path, row in seen.rows:
        world.index.put(path, row)
    note_trash(world, seen.trash)
    result.files += seen.pulled
    size = sum(row.size for _, row in seen.rows) if seen.pulled else 0
    result.size, result.conflicts = result.size + size, result.conflicts + seen.conflicts
    world.progress.add(seen.pulled, size)


# folders, links, odd names


def _make_folders(world: World, folders: Sequence[tuple[bytes, int]], result: Result) -> None:
    for path, mode in folders:
        known = world.index.folder_id(path)
        if (known is not None and world.index.folder(known).remote) or not _may_make(world, path):
            continue
        base = world.index.base(path)
        if not _make_folder(world, path, base["m"] if base else mode, result):
            continue
        number = world.index.add_folder(path)
        world.index.set_folder(number, remote=1)
        if base is None:
            world.index.note_change(path)


def _make_parents(world: World, jobs: Sequence[Job], result: Result) -> None:
    """The folders of what is pulled; the user may have moved or removed them meanwhile."""
    for path in sorted({split(job.path)[0] for job in jobs}):
        _make_folder(world, path, 0o755, result)


def _make_folder(world: World, path: bytes, mode: int, result: Result) -> bool:
    """Make a folder here, if nothing of the user is in its way."""
    try:
        make_local_folder(world, path, mode)
        return True
    except OSError as error:
        if not _is_blocked(world, path, result):
            result.failed.append((path, f"the folder cannot be made here: {error.strerror}"))
    return False


def _is_blocked(world: World, path: bytes, result: Result) -> bool:
    """Whether a file is here where the data space has a folder: then that gets the name of a conflict."""
    above = b""
    for name in path.split(b"/"):
        above = joined(above, name)
        here = world.tree.stat(above)
        if here is not None and kind(here) != "d":
            there = world.space.stat(above)
            if there is not None and kind(there) == "d":
                keep_beside(world, above)
                world.space.forget()
                result.conflicts += 1
            return True
    return False


def _may_make(world: World, path: bytes) -> bool:
    """Not a folder of which nothing is pulled."""
    config = world.config
    return not config.include or selected(path + b"/x", config.include, config.exclude) or bool(world.index.base(path))


def _find_lost(world: World, result: Result) -> None:
    """Files that the index knows and the data space has not any more: told, and saved again by the next push."""
    able = abilities(world)
    for path, row in world.index.all_files():
        plain = not row.stored and not place_of(path, able) and (row.kind == "f" or able.symlinks)
        if not row.held() or (plain and world.index.in_listing(path, row.kind)) or (row.kind == "l" and not plain):
            continue
        world.beat()
        there = again(lambda place=row.stored or path: world.space.stat(place))  # type: ignore[misc]
        if there is None or kind(there) != row.kind:
            result.lost += 1
            world.index.put(path, row.without_remote())
    if result.lost:
        check_space(world)  # is it there at all?
        world.tell(f"{result.lost} files were deleted in the data space; they are still here, and are saved again")
    for number, path in list(world.index.all_folders()):
        if path and world.index.folder(number).remote and not world.index.in_listing(path, "d"):
            world.index.set_folder(number, remote=0)


def _apply_base(world: World, result: Result) -> None:
    """After a first pull: what the data space cannot hold itself, as the manifest tells it."""
    for row in world.index.all_base():
        entry = entry_from(row)
        try:
            _apply_entry(world, entry)
        except OSError as error:
            if not _is_blocked(world, entry.path, result):
                result.failed.append((entry.path, error.strerror or str(error)))
    world.keep()


def _apply_entry(world: World, entry: Entry) -> None:
    there = world.tree.stat(entry.path) is not None
    if entry.kind == "d":
        make_local_folder(world, entry.path, entry.mode)
        number = world.index.folder_id(entry.path)
        facts = world.tree.stat(entry.path)
        if number is not None and facts is not None:
            world.index.set_folder(number, ino=facts.st_ino, mode=facts.st_mode)
    elif there or world.index.get(entry.path) is not None:
        return
    elif entry.kind == "l":
        make_local_folder(world, split(entry.path)[0], 0o755)
        make_link(world, entry.target, entry.path)
        row = link_row(world, entry.path, entry.target, entry.origin)
        lacking = abilities(world).symlinks and not place_of(entry.path, abilities(world))
        world.index.put(entry.path, row.without_remote() if lacking else row)
    elif entry.stored and world.space.stat(entry.stored) is not None:
        make_local_folder(world, split(entry.path)[0], 0o755)
        first = world.index.get(entry.link) if entry.link else None
        for path, row in fetch_linked(world, entry.stored, entry.path, entry, first).rows:
            world.index.put(path, row)
    else:
        world.tell(f"{os.fsdecode(entry.path)} was saved once and is not in the data space any more", "alarm")
