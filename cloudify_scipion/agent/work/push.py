"""Saving: what has changed in the working copy goes to the data space. A push lists nothing there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from cloudify_scipion.agent.errors import AgentError, LeaseForeign, NoRoom, Temporary, Unsaved
from cloudify_scipion.agent.plan.guards import mass_deletion
from cloudify_scipion.agent.plan.names import (
    RESERVED,
    TEMPORARY,
    is_reserved,
    joined,
    readable,
    split,
    temporary_name,
)
from cloudify_scipion.agent.ports.facts import kind, mtime_of
from cloudify_scipion.agent.ports.index import Row
from cloudify_scipion.agent.ports.read_tree import NotAFile
from cloudify_scipion.agent.work import lease
from cloudify_scipion.agent.work.content import SCRATCH, Busy, Copied, Destroyed, Job, upload
from cloudify_scipion.agent.work.fetch import restore, restore_beside
from cloudify_scipion.agent.work.local_scan import Found, scan
from cloudify_scipion.agent.work.manifests import is_due, write_segment
from cloudify_scipion.agent.work.place import Deferred, Outcome, Placing, keep_beside, place, remove
from cloudify_scipion.agent.work.space import Abilities, abilities, check_space, ensure_folder, place_of
from cloudify_scipion.agent.work.trash import note_trash, prune
from cloudify_scipion.agent.work.world import World, again, check_volume

BATCH, BATCH_BYTES = 400, 256_000_000
TRIES = 3
DIRTY, PULLED, BOOT, MOVING = "dirty", "pulled", "boot", "moving"
SPECIAL = "special"
DELETIONS, DESTROYED = "deletions", "destroyed"
KEPT_NAME = "this name is kept for the data space's own folder: rename it"
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOTCONN, errno.ESTALE)


@dataclass
class Result:
    """What a push did. `failed` are the first files that could not be saved, with the reason."""

    files: int = 0
    size: int = 0
    deleted: int = 0
    moved: int = 0
    busy: int = 0
    held: int = 0
    conflicts: int = 0
    failed: list[tuple[bytes, str]] = field(default_factory=list)
    special: list[bytes] = field(default_factory=list)
    restored: list[bytes] = field(default_factory=list)
    wrote: bool = False


def push(world: World, everything: bool = False, final: bool = False) -> Result:
    """One push. `everything`: read all files, whatever their facts; `final`: nobody writes any more.

    Raises AgentError; Unsaved with the rest done if some files could not be saved.
    """
    ready(world)
    lease.renew(world)
    clear_remains(world)
    result, able = Result(), abilities(world)
    world.progress.start("looking for changes")
    found = scan(world, lambda *move: _move_folder(world, result, *move), everything)
    if not found.errors:
        world.index.only_changed_are_busy()
    _dirty(world, bool(world.index.change_totals()[0] or world.index.gone_totals()[0]))
    if world.index.change_totals()[0]:
        world.flush()
    _move_files(world, result)
    made: set[bytes] = {b""}
    deferred = _put_all(world, able, result, made, final)
    _make_folders(world, result, made)
    _delete_all(world, found, result)
    _put_deferred(world, able, result, made, deferred, final)
    _finish(world, found, result)
    return result


def ready(world: World) -> None:
    """Raise AgentError unless volume and space are what they should be, and the first pull is complete."""
    check_volume(world.config, world.tree, world.state)
    if not world.index.get_state(PULLED):
        raise AgentError("nothing is saved before the first pull is complete", "wait for it, or repair the project")


def clear_remains(world: World) -> None:
    """Remove unfinished files of a killed work; those in the data space only where one may have left some."""
    settle_move(world)
    for name in world.state.names(SCRATCH):
        world.state.unlink(joined(SCRATCH, name))
    if world.index.get_state(DIRTY):
        check_space(world)
        for name in again(lambda: world.space.names(TEMPORARY)):
            with contextlib.suppress(IsADirectoryError):  # nothing of ours
                again(lambda name=name: world.space.unlink(joined(TEMPORARY, name)))  # type: ignore[misc]


def _dirty(world: World, dirty: bool) -> None:
    if dirty != bool(world.index.get_state(DIRTY)):
        world.index.set_state(DIRTY, dirty)
        world.keep()


def _finish(world: World, found: Found, result: Result) -> None:
    result.special = found.special
    if found.reserved:
        result.failed.append((RESERVED, KEPT_NAME))
    _tell_special(world, found.special)
    for path, reason in found.errors:
        result.failed.append((path, f"the folder cannot be read: {reason}"))
    if world.index.journal_size() or is_due(world.index):
        world.progress.start("writing the manifest")
        _note_links(world)
        _must_still_be_ours(world, lease.check)
        write_segment(world)
        result.wrote = True
    if result.wrote:
        prune(world)
        if world.config.kind == "directory":
            world.space.sync()
    if result.wrote or result.failed:
        _must_still_be_ours(world, lease.confirm)
    if not any(question["id"] == DESTROYED for question in world.index.questions()):
        world.index.set_state(BOOT, world.clock.boot())
    world.index.set_state(DIRTY, bool(result.failed))
    if not result.failed:
        world.index.set_state("saved", world.clock.iso())
    world.keep()
    if result.failed:
        shown = "; ".join(f"{os.fsdecode(path)}: {reason}" for path, reason in result.failed[:10])
        raise Unsaved(
            f"{len(result.failed)} files or folders could not be saved: {shown}", "they are tried again by themselves"
        )


def _tell_special(world: World, special: list[bytes]) -> None:
    """Pipes, sockets and devices are no data: they stay here. Said once."""
    names = [os.fsdecode(path) for path in special]
    told = world.index.get_state(SPECIAL, [])
    for name in names:
        if name not in told:
            world.tell(f"{name} is a pipe, a socket or a device: it is not saved", "alarm")
    if names != told:
        world.index.set_state(SPECIAL, names)


def _must_still_be_ours(world: World, look: Callable[[World], None]) -> None:
    """A stranger's lease makes this push void, since both may have written."""
    try:
        look(world)
    except LeaseForeign as error:
        world.tell(f"the last push does not count: {error.what}", "alarm")
        world.keep()
        raise


# moves


def _move_folder(world: World, result: Result, number: int, old: bytes, new: bytes) -> bool:
    """Move a folder in the data space, if it is there and nothing is at its new place."""
    row = world.index.folder(number)
    if not row.remote or _holds_odd(world, number):
        return False
    try:
        lease.check(world)
        ensure_folder(world, split(new)[0], set())
        world.index.set_state(MOVING, [os.fsdecode(old), os.fsdecode(new)])
        world.keep()
        again(lambda: world.space.rename(old, new))
    except OSError:
        return False
    _folder_moved(world, number, old, new)
    result.moved, result.wrote = result.moved + 1, True
    world.keep()
    return True


def _holds_odd(world: World, number: int) -> bool:
    """Whether the place of any content below a folder hangs on its path."""
    return any(row.stored for folder in world.index.below(number) for row in world.index.files(folder).values())


def settle_move(world: World) -> None:
    """A work was killed while it moved a folder in the data space: has it moved?"""
    moving = world.index.get_state(MOVING)
    if moving:
        old, new = os.fsencode(moving[0]), os.fsencode(moving[1])
        number = world.index.folder_id(old)
        moved = world.space.stat(old) is None and world.space.stat(new) is not None
        if number is not None and moved and world.index.folder_id(new) is None:
            _folder_moved(world, number, old, new)
        world.index.set_state(MOVING, None)
        world.keep()


def _folder_moved(world: World, number: int, old: bytes, new: bytes) -> None:
    """It is there, with all below it."""
    world.space.forget()
    for folder in world.index.below(number):
        where = world.index.path_of(folder)
        world.index.note_gone(where)
        for name in world.index.files(folder):
            world.index.note_gone(joined(where, name))
    world.index.move_folder(number, new)
    for folder in world.index.below(number):
        where = world.index.path_of(folder)
        world.index.note_change(where)
        for name in world.index.files(folder):
            world.index.note_change(joined(where, name))
    world.index.set_state(MOVING, None)


def _move_files(world: World, result: Result) -> None:
    """Files that only have another name now are renamed in the data space, too."""
    moves = world.index.moved_files()
    if not moves:
        return
    lease.check(world)
    made: set[bytes] = {b""}
    world.index.intend((new, row.hash) for old, new in moves if (row := world.index.get(old)) is not None)
    for old, new in moves:
        world.beat()
        row = world.index.get(old)
        assert row is not None
        if row.stored or place_of(new, abilities(world)):
            continue
        try:
            ensure_folder(world, split(new)[0], made)
            again(lambda old=old, new=new: world.space.rename(old, new))  # type: ignore[misc]
        except OSError:
            continue
        world.index.drop(old)
        world.index.put(new, replace(row, racy=1))
        world.index.settled_move(old)
        world.index.fulfil([new])
        result.moved, result.wrote = result.moved + 1, True
    world.keep()


# new and changed files


def _put_all(world: World, able: Abilities, result: Result, made: set[bytes], final: bool) -> list[bytes]:
    files, size = world.index.change_totals()
    world.progress.start("saving", files, size)
    deferred: list[bytes] = []
    for batch in _batches(world):
        deferred += _put_batch(world, able, result, made, batch, final)
    if world.index.answer_to(DESTROYED):
        world.index.answer(DESTROYED, "save")  # what was brought back is safe: now all goes as it is
        _put_batch(world, able, result, made, result.restored, final)
        world.index.settled(DESTROYED)
    return deferred


def _batches(world: World) -> Iterator[list[bytes]]:
    """The paths of new and changed files, so many at a time that the lease is looked at often enough."""
    batch: list[bytes] = []
    size, after = 0, 0
    while rows := world.index.changes(after, BATCH):
        for number, path, _, length in rows:
            batch.append(path)
            size, after = size + length, number
            if len(batch) >= BATCH or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _put_batch(
    world: World, able: Abilities, result: Result, made: set[bytes], paths: Sequence[bytes], final: bool
) -> list[bytes]:
    unclean = world.index.get_state(BOOT) not in (None, world.clock.boot())
    unclean = unclean and not _allowed(world, DESTROYED, "save")
    busy = set(world.index.busy(TRIES))
    jobs = [
        Job(path, world.index.get(path), force=final or path in busy, unclean=unclean)
        for path in paths
        if not is_reserved(path)
    ]
    for path in paths:
        if is_reserved(path):
            result.failed.append((path, KEPT_NAME))
    copied: list[tuple[Job, Copied]] = []
    full: NoRoom | None = None
    for job, answer in world.each(lambda job: _upload(world, able, job), jobs):
        if isinstance(answer, OSError):
            try:
                _not_copied(world, job, answer, result)
            except NoRoom as error:
                full = error  # what fits is saved
        elif answer is not None:
            copied.append((job, answer))
    deferred = _place_batch(world, result, made, copied)
    if full:
        raise full
    return deferred


def _upload(world: World, able: Abilities, job: Job) -> Copied | None:
    facts = world.tree.stat(job.path)
    if facts is None:
        return None
    if kind(facts) == "l":
        return _upload_link(world, able, job, facts)
    try:
        return upload(world, able, job)
    except (FileNotFoundError, NotAFile):
        return None  # gone, or something else by now: the next scan sees what


def _upload_link(world: World, able: Abilities, job: Job, facts: os.stat_result) -> Copied:
    target = world.tree.readlink(job.path)
    row = Row(
        "l", facts.st_mode, facts.st_size, mtime_of(facts), facts.st_ctime_ns, facts.st_ino, target=target,
        hash=hashlib.sha256(b"link:" + target).hexdigest(), origin=world.generation, rsize=0,
        stored=place_of(job.path, able),
    )  # fmt: skip
    known = job.known
    if known is not None and known.held() and (known.kind, known.target) == ("l", target):
        return Copied(job.path, replace(row, origin=known.origin, stored=known.stored))
    if not able.symlinks or row.stored:
        return Copied(job.path, replace(row, stored=b""), clear=not row.stored)
    temporary = joined(TEMPORARY, temporary_name(world.generation, world.nonce()))
    world.space.symlink(target, temporary)
    return Copied(job.path, row, temporary)


def _not_copied(world: World, job: Job, error: OSError, result: Result) -> None:
    if isinstance(error, Busy):
        world.index.count_try(job.path)
        result.busy += 1
    elif isinstance(error, Destroyed):
        _destroyed(world, job, result)
    elif error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise NoRoom(
            "the data space is full", "the operator makes room or gives a larger quota; saving goes on then"
        ) from error
    elif error.errno in _FATAL:
        raise Temporary(f"the data space cannot be written: {error.strerror}", "repair the project") from error
    else:
        result.failed.append((job.path, error.strerror or str(error)))
        world.index.count_try(job.path)


def _destroyed(world: World, job: Job, result: Result) -> None:
    """Nothing is replaced by what a crash may have left, before a person has said what to do."""
    result.held += 1
    if _allowed(world, DESTROYED, "restore") and job.known is not None:
        try:
            name = restore_beside(world, job.path, job.known)
        except OSError as error:
            result.failed.append((job.path, f"it cannot be brought back: {error.strerror}"))
            return
        world.tell(f"the earlier content of {os.fsdecode(job.path)} is back as {os.fsdecode(name)}")
        result.restored.append(job.path)
    else:
        _ask_destroyed(world, job.path)


def _place_batch(world: World, result: Result, made: set[bytes], copied: Sequence[tuple[Job, Copied]]) -> list[bytes]:
    """Intents first, then the lease, then the renames, then the index: killed anywhere, the next push puts it right."""
    moves = [(job, item) for job, item in copied if item.temporary or item.clear]
    done = [item.path for _, item in copied if not (item.temporary or item.clear)]
    for job, item in copied:
        if not (item.temporary or item.clear) and item.row != job.known:
            world.index.put(item.path, item.row)
    deferred = _place_moves(world, result, made, moves, done) if moves else []
    world.index.fulfil(done)
    world.index.not_busy(done)
    world.keep()
    return deferred


def _place_moves(
    world: World, result: Result, made: set[bytes], moves: Sequence[tuple[Job, Copied]], done: list[bytes]
) -> list[bytes]:
    """Put uploads in their places; adds what is there to `done`, and returns what has to wait for deletions."""
    earlier = world.index.intents()
    world.index.intend((item.path, item.row.hash) for _, item in moves)
    lease.check(world)
    for path in sorted({split(item.path)[0] for _, item in moves if not item.row.stored}):
        _folder_for(world, result, path, made)
    placings = [
        Placing(item, job.known, frozenset(earlier.get(item.path, ())), world.index.folder_id(item.path) is not None)
        for job, item in moves
    ]
    deferred = []
    for placing, answer in world.each(lambda placing: place(world, placing), placings):
        path = placing.copied.path
        if isinstance(answer, FileNotFoundError | NotADirectoryError):
            answer = _place_again(world, result, placing, made)
        if isinstance(answer, Deferred):
            deferred.append(path)
            world.space.unlink(placing.copied.temporary)
        elif isinstance(answer, OSError):
            _not_copied(world, Job(path, None), answer, result)
        else:
            _placed(world, answer, placing, result)
            done.append(path)
    world.space.forget()
    return deferred


def _place_again(world: World, result: Result, placing: Placing, made: set[bytes]) -> Outcome | OSError:
    """The folder is not there any more: somebody has taken it away."""
    try:
        if not placing.copied.row.stored:
            _folder_again(world, result, split(placing.copied.path)[0], made)
        return place(world, placing)
    except OSError as error:
        return error


def _placed(world: World, outcome: Outcome, placing: Placing, result: Result) -> None:
    assert outcome.row is not None
    world.index.put(outcome.path, outcome.row)
    note_trash(world, outcome.trash)
    result.conflicts += len(outcome.conflicts)
    result.files, result.size, result.wrote = result.files + 1, result.size + placing.copied.size, True
    world.progress.add(1, placing.copied.size)


def _note_links(world: World) -> None:
    """Let the manifest say which files are names of one inode, and which of them is the first."""
    true: set[bytes] = set()
    for ino in world.index.shared_inodes():
        rows = dict(sorted((path, row) for path, row in world.index.by_ino(ino) if row.kind == "f"))
        names = list(rows)
        if [rows[name].link for name in names] != [b"", *(names[0] for _ in names[1:])]:
            names = [name for name in names if (facts := world.tree.stat(name)) is not None and facts.st_ino == ino]
        for name in names:
            _note_link(world, name, rows[name], b"" if name == names[0] else names[0])
        true.update(names[1:])
    for name, row in world.index.linked():
        if name not in true:
            _note_link(world, name, row, b"")


def _note_link(world: World, path: bytes, row: Row, first: bytes) -> None:
    if row.link != first:
        world.index.put(path, replace(row, link=first))


def _folder_for(world: World, result: Result, path: bytes, made: set[bytes]) -> None:
    """Make a folder in the data space, as far as it can hold its name."""
    if place_of(path, abilities(world)):
        return
    try:
        ensure_folder(world, path, made)
    except (FileExistsError, FileNotFoundError, NotADirectoryError):
        _folder_again(world, result, path, made)


def _folder_again(world: World, result: Result, path: bytes, made: set[bytes]) -> None:
    """Make a folder of which others have taken a part away, or where a file is: ours and gone here, or a stranger's."""
    world.space.forget()
    above = b""
    for name in path.split(b"/") if path else ():
        above = joined(above, name)
        facts, number = world.space.stat(above), world.index.folder_id(above)
        if facts is not None and kind(facts) == "d":
            continue
        if number is not None:
            world.index.set_folder(number, remote=0)
        made.discard(above)
        if facts is not None:
            _clear_for_folder(world, result, above)
    ensure_folder(world, path, made)


def _clear_for_folder(world: World, result: Result, path: bytes) -> None:
    row = world.index.get(path)
    if row is not None:
        _deleted(world, remove(world, path, row), result)
    if world.space.stat(path) is not None:
        keep_beside(world, path)
        result.conflicts += 1


def _make_folders(world: World, result: Result, made: set[bytes]) -> None:
    """Empty folders, too."""
    able = abilities(world)
    todo = [
        path
        for number, path in world.index.all_folders()
        if path and not world.index.folder(number).remote and not place_of(path, able)
    ]
    there = [path for path in todo if (facts := world.tree.stat(path)) is not None and kind(facts) == "d"]
    if not there:
        return
    lease.check(world)
    for path in there:
        world.beat()
        _folder_for(world, result, path, made)
    world.keep()


def _put_deferred(
    world: World, able: Abilities, result: Result, made: set[bytes], paths: Sequence[bytes], final: bool
) -> None:
    for path in paths:
        world.index.drop_folder(path)
        _put_batch(world, able, result, made, [path], final)


# deletions


def _delete_all(world: World, found: Found, result: Result) -> None:
    gone, size = world.index.gone_totals()
    if not gone and not found.gone_folders:
        world.index.settled(DELETIONS)
        return
    if found.errors:
        result.held += gone
        world.tell("some folders cannot be read: nothing is deleted in the data space", "alarm")
        return
    if _allowed(world, DELETIONS, "restore"):
        _restore_all(world, result)
        return
    if mass_deletion(gone, size, *world.index.totals()) and not _may_delete(world, gone):
        result.held += gone
        _ask_deletions(world, gone, size)
        return
    _delete_files(world, result)
    for path in sorted(found.gone_folders, reverse=True):
        number = world.index.folder_id(path)
        left = number is not None and any(map(world.index.files, world.index.below(number)))
        if not left:  # else a file could not be moved to the trash
            _delete_folder(world, path)
    world.index.settled(DELETIONS)
    world.keep()


def _delete_files(world: World, result: Result) -> None:
    paths, able = world.index.gone(), abilities(world)
    world.progress.start("moving deleted files to the trash", len(paths))
    for i in range(0, len(paths), BATCH):
        lease.check(world)
        there = [path for path in paths[i : i + BATCH] if not _is_back(world, path)]
        batch = [(path, row) for path in there if (row := world.index.get(path)) is not None]
        for path, row in batch:
            if row.kind == "l" and place_of(path, able):  # only the manifest has it
                _deleted(world, Outcome(path), result)
        batch = [(path, row) for path, row in batch if not (row.kind == "l" and place_of(path, able))]
        for (path, _), answer in world.each(lambda item: remove(world, *item), batch):
            if isinstance(answer, OSError):
                _not_copied(world, Job(path, None), answer, result)
            else:
                _deleted(world, answer, result)
        world.keep()


def _is_back(world: World, path: bytes) -> bool:
    """Whether there is a file again since the scan."""
    facts = world.tree.stat(path)
    return facts is not None and kind(facts) in "fl"


def _restore_all(world: World, result: Result) -> None:
    """What is gone here comes back from the data space."""
    for path in world.index.gone():
        row = world.index.get(path)
        if row is None or not row.held():
            continue
        try:
            restore(world, path, row)
        except OSError as error:
            result.failed.append((path, f"it cannot be brought back: {error.strerror}"))
    world.index.settled(DELETIONS)
    world.keep()


def _deleted(world: World, outcome: Outcome, result: Result) -> None:
    world.index.drop(outcome.path)
    world.index.not_busy([outcome.path])
    note_trash(world, outcome.trash)
    result.deleted, result.wrote = result.deleted + 1, True
    result.conflicts += len(outcome.conflicts)
    world.progress.add(1, 0)


def _delete_folder(world: World, path: bytes) -> None:
    """Folders that are empty there go, deepest first; one in which a stranger has put something stays."""
    number = world.index.folder_id(path)
    if number is None:
        return
    able = abilities(world)
    for folder in reversed(world.index.below(number)):
        where = world.index.path_of(folder)
        world.beat()
        if world.index.folder(folder).remote and not place_of(where, able):
            again(lambda where=where: world.space.rmdir(where))  # type: ignore[misc]
        world.index.note_gone(where)
    world.index.drop_folder(path)


# questions


def _may_delete(world: World, gone: int) -> bool:
    """Whether somebody has agreed, and to no less than this."""
    return _allowed(world, DELETIONS, "delete") and gone <= int(world.index.get_state(DELETIONS) or 0)


def _ask_deletions(world: World, gone: int, size: int) -> None:
    if world.index.answer_to(DELETIONS):
        world.index.settled(DELETIONS)  # more is gone since: that answer was for less
    world.index.set_state(DELETIONS, gone)
    world.index.ask(
        DELETIONS,
        f"{gone} files ({size / 1e9:.1f} GB) are gone from the working copy. "
        "Shall they be deleted in the data space, too?",
        ["delete", "restore"],
    )


def _ask_destroyed(world: World, path: bytes) -> None:
    world.index.ask(
        DESTROYED,
        f"After a crash {readable(os.fsdecode(path))} (and perhaps others) is empty or all zeros. The data space still "
        "has the earlier content. Shall the files be saved as they are, or the earlier content be brought back beside "
        "them?",
        ["save", "restore"],
    )


def _allowed(world: World, question: str, word: str) -> bool:
    return bool(world.index.answer_to(question) == word)
