"""What the data space can hold, found out by trying: at the first mount, and where another one is mounted."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cloudify_scipion.agent.errors import GuardFailed
from cloudify_scipion.agent.plan.abilities import Abilities, abilities_from
from cloudify_scipion.agent.plan.names import RESERVED, joined, split
from cloudify_scipion.agent.plan.spelling import FIRST, SPELLED, Names, come_back, found_out, further, likenesses
from cloudify_scipion.agent.ports.calls import patient, was_waited_for
from cloudify_scipion.agent.ports.facts import mtime_of
from cloudify_scipion.agent.ports.whole_files import write_new
from cloudify_scipion.agent.work.world import World

TICKS = (1, 100, 1000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000, 60_000_000_000)
"""The steps in which file systems keep times (ns)."""
_FILE_THEN = 1_500_000_031_123_456_789
_DATA, _WHOLE = 4096, 4_000_000
"""Bytes: few enough that a data space without holes has room for them, and more than any of its blocks."""
KEY = "abilities"
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOTCONN, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN,
            errno.EBUSY, errno.EINTR, errno.EROFS)  # fmt: skip
"""Errors that say nothing of what a data space can hold."""
TRIES = 3
"""So often a name is tried again that could not be made for such an error."""
_TICK_SECONDS = 0.012
"""Linux's clock of file times goes on within that."""
_SECOND = 1_000_000_000
_THEN = 1_500_000_000_000_000_000


@dataclass(frozen=True)
class Kept:
    """`tick`: times are kept in steps of so many ns; `holes`: what was never written takes no room, and it says so."""

    tick: int = 1
    holes: bool = False


def try_file(world: World, path: bytes) -> Kept:
    """Make that file, by the calls of an upload. Raises OSError."""
    space = world.space
    fd = space.create(path)
    try:
        space.write(fd, os.urandom(_DATA))
        space.truncate(fd, _WHOLE)
        space.set_times(fd, _FILE_THEN)
    finally:
        space.close(fd)
    space.forget()
    facts = space.stat(path)
    if facts is None:
        return Kept()
    return Kept(tick_of(_FILE_THEN, mtime_of(facts)), _DATA <= facts.st_blocks * 512 <= _WHOLE // 2)


def tick_of(told: int, kept: int) -> int:
    """The step in which a time is kept, by what became of one (ns); 1 if none is known that explains it."""
    return next((tick for tick in TICKS if kept in (told // tick * tick, -(-told // tick) * tick)), 1)


def find_out(world: World) -> Abilities:
    """Try it, and keep what was found."""
    able = patient(_probe, world)
    before = abilities_from(world.index.get_state(KEY) or {})
    if before is not None and before.names.folds and before.mounted == able.mounted:
        able = replace(able, names=replace(able.names, folds=True))
    _keep(world, able)
    if before is not None and before.names != able.names:
        _save_again(world, able.names)
    world.commit()
    return able


def abilities(world: World) -> Abilities:
    """What was found out when the space was opened; tried again where it is mounted in another way since."""
    if world.learnt.able is None:
        known = world.index.get_state(KEY)
        if known is None:
            raise GuardFailed("the data space was never opened", "pull first")
        able = abilities_from(known)
        world.learnt.able = able if able and able.mounted == world.space.mounted() else find_out(world)
    return world.learnt.able


def learn_folding(world: World) -> None:
    """Two names turned out to be one there."""
    able = abilities(world)
    if not able.names.folds:
        _keep(world, replace(able, names=replace(able.names, folds=True)))


def _keep(world: World, able: Abilities) -> None:
    world.learnt.able = able
    world.index.set_state(KEY, able.document())


def _save_again(world: World, names: Names) -> None:
    """What lies there under names that it cannot hold any more goes elsewhere by the next push."""
    for path, row in world.index.files.all():
        if row.held() and not row.stored and not names.hold(path):
            world.index.files.put(path, row.without_remote())


def _probe(world: World) -> Abilities:
    space, path = world.space, world.session.unfinished()
    write_new(space, path, b"?")
    try:
        kept = _kept(world, path + b"-holes")
        return Abilities(
            symlinks=_works(lambda: space.symlink(b"nowhere", path + b"-link")),
            times=_keeps_times(world, path),
            chmod=_keeps_mode(world, path),
            owner=_owner(world, path),
            names=_names(world, path + b"-names"),
            kept=_keeps_times_of_renamed(world, path, path + b"-moved"),
            changed=_tells_changes(world, path + b"-told"),
            tick=kept.tick,
            holes=kept.holes,
            mounted=space.mounted(),
        )
    finally:
        for end in (b"", b"-link", b"-moved", b"-told", b"-told-moved"):
            with contextlib.suppress(OSError):
                space.unlink(path + end)


def _names(world: World, folder: bytes) -> Names:
    """Make files of many names, and look which of them are there then."""
    space = world.space
    space.mkdir(folder, 0o700)
    try:
        there, folds = _come_back(world, folder, FIRST)
        more, _ = _come_back(world, folder, further(there))
        return found_out(there | more, folds or space.stat(split(RESERVED)[1].swapcase()) is not None)
    finally:
        with contextlib.suppress(OSError):
            space.rmdir(folder)


def _come_back(world: World, folder: bytes, names: Sequence[bytes]) -> tuple[set[bytes], bool]:
    """Which of these names are as they were given; whether one is found under another spelling, too."""
    space, made = world.space, list[bytes]()
    try:
        made += [name for name in names if _is_made(world, joined(folder, name))]
        there = come_back(made, space.names(folder)) if made else set()
        spellings = (joined(folder, other) for name in there for other in likenesses(name) if name in SPELLED)
        return there, any(space.stat(other) is not None for other in spellings)
    finally:
        with contextlib.suppress(OSError):
            made += space.names(folder)
        for name in set(made):
            with contextlib.suppress(OSError):
                space.unlink(joined(folder, name))


def _is_made(world: World, path: bytes) -> bool:
    """Whether a file of that name can be made; where that fails for another reason, it is tried again."""
    for _ in range(TRIES):
        try:
            return _works(lambda: world.space.close(world.space.create(path)))
        except OSError as error:
            with contextlib.suppress(OSError):
                world.space.unlink(path)
            if was_waited_for(error):
                raise
    return _works(lambda: world.space.close(world.space.create(path)))


def _works(do: Callable[[], object]) -> bool:
    try:
        do()
    except OSError as error:
        if error.errno in _PASSING:
            raise
        return False
    return True


def _kept(world: World, path: bytes) -> Kept:
    """Where that cannot be tried, also because it is full, nothing is counted on."""
    try:
        return try_file(world, path)
    except OSError as error:
        if error.errno in _PASSING and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return Kept()
    finally:
        with contextlib.suppress(OSError):  # at once: a quota may count its holes
            world.space.unlink(path)


def _keeps_times(world: World, path: bytes) -> bool:
    if not _set_time(world, path, _THEN):
        return False
    world.space.forget()
    facts = world.space.stat(path)
    return facts is not None and facts.st_mtime_ns == _THEN


def _set_time(world: World, path: bytes, when: int) -> bool:
    return _works(lambda: patient(os.utime, _proc(world, path), ns=(when, when), follow_symlinks=False))


def _keeps_times_of_renamed(world: World, path: bytes, new: bytes) -> bool:
    """Whether a file that is moved has the time that it had."""
    before = world.space.fresh(path)
    world.space.rename(path, new)
    world.space.forget()
    return before is not None and world.space.fresh(new) == before


def _tells_changes(world: World, path: bytes) -> bool:
    """Whether a file's ctime moves with every change, also where the time is put back and where another file of the
    same time is moved there; and with nothing else."""
    space, other = world.space, path + b"-moved"
    for name in (path, other):
        write_new(space, name, b"?")
        if not _set_time(world, name, _THEN):
            return False
    first, same = _ctime(world, path), _ctime(world, path)
    written = _moves_on(world, path, first, lambda: space.update(path, lambda content: content))
    moved = _moves_on(world, path, written, lambda: space.rename(other, path, replace=True))
    return first == same and first % _SECOND + written % _SECOND > 0 and first < written < moved == _ctime(world, path)


def _moves_on(world: World, path: bytes, before: int, change: Callable[[], None]) -> int:
    """A file's ctime after a change that leaves its time as it is, made a while after the one `before`."""
    time.sleep(_TICK_SECONDS)
    change()
    return _ctime(world, path) if _set_time(world, path, _THEN) else before


def _ctime(world: World, path: bytes) -> int:
    world.space.forget()
    told = world.space.told(path)
    return told.ctime if told else 0


def _keeps_mode(world: World, path: bytes) -> bool:
    _works(lambda: patient(os.chmod, _proc(world, path), 0o640))  # noqa: PTH101 - bytes
    facts = world.space.stat(path)
    return facts is not None and stat.S_IMODE(facts.st_mode) == 0o640


def _owner(world: World, path: bytes) -> tuple[int, int] | None:
    """Who owns the project's folder there, if new files can and must be given to them."""
    top, new = world.space.stat(b""), world.space.stat(path)
    if top is None or new is None or (top.st_uid, top.st_gid) == (new.st_uid, new.st_gid):
        return None
    owner = (top.st_uid, top.st_gid)
    return owner if _works(lambda: world.space.chown_link(path, *owner)) else None


def _proc(world: World, path: bytes) -> bytes:
    folder, name = split(path)
    return f"/proc/self/fd/{world.space.folder(folder).fd}/".encode() + name
