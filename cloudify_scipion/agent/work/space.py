"""What the data space can hold, found out by trying; and the folders in it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from cloudify_scipion.agent.errors import AgentError, GuardFailed, NoRoom, ReadOnlySpace, Temporary
from cloudify_scipion.agent.plan.names import ODD, RESERVED, TEMPORARY, is_text, joined, odd_path, split, whole_way
from cloudify_scipion.agent.ports.calls import patient
from cloudify_scipion.agent.ports.files import make_folders, read_all, write_new
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.work.world import World, again

_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOTCONN, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN,
            errno.EBUSY, errno.EINTR)  # fmt: skip
"""Errors that say nothing of what a data space can hold."""
GRANTS = {
    "onedata": "the operator lets the token's owner write there, or renews the token with one that may",
    "directory": "the operator makes the site's folder writable for root of the host, and repairs the project",
}
"""Whose move it is where nothing may be written, by the kind of data space."""
KEY = "abilities"
MARK = joined(RESERVED, b"space.json")
GRANULARITY_NS = 2_000_000_000
"""A remote file this young may change without changing its time: FAT and some object stores count in 2 s."""


@dataclass(frozen=True)
class Abilities:
    """What the data space can hold; `times` whether it keeps the times that it is told. `owner` gets the new files."""

    symlinks: bool
    odd_names: bool
    times: bool
    chmod: bool
    owner: tuple[int, int] | None


def open_space(world: World) -> None:
    """Make our own folders in it, and try what it can hold. Raises ReadOnlySpace if nothing can be written there."""
    with writing(world):
        for folder in (RESERVED, TEMPORARY, ODD):
            make_folders(world.space, folder, 0o700)
        if read_all(world.space, MARK) is None:
            again(lambda: write_new(world.space, MARK, world.config.project.encode()))
        able = again(lambda: _probe(world))
    world.index.set_state(KEY, asdict(able))
    world.commit()


@contextlib.contextmanager
def writing(world: World) -> Iterator[None]:
    """Whoever cannot write something of ours there learns what that means for the whole work."""
    try:
        yield
    except OSError as error:
        raise not_written(world, error) from error


def read_only(kind: str, reason: str) -> ReadOnlySpace:
    """The error. Where it is found out while mounting, the host says the same."""
    return ReadOnlySpace(
        f"nothing can be saved in the data space: it is mounted or granted read-only ({reason})", GRANTS.get(kind, "")
    )


def not_written(world: World, error: OSError) -> AgentError:
    """What it means for a whole work that something of ours cannot be written there."""
    if error.errno in _READ_ONLY:
        return read_only(world.config.kind, error.strerror or str(error))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoRoom("the data space is full", "the operator makes room or gives a larger quota; saving goes on then")
    return Temporary(f"the data space cannot be written: {error.strerror}", "it is tried again by itself")


def abilities(world: World) -> Abilities:
    """What was found out when the space was opened."""
    known = world.index.get_state(KEY)
    if known is None:
        raise GuardFailed("the data space was never opened", "pull first")
    return Abilities(**{**known, "owner": tuple(known["owner"]) if known["owner"] else None})


def check_space(world: World) -> None:
    """Raise GuardFailed unless it is mounted and is this project's."""
    check_mark(world.space)


def check_mark(space: ReadTree) -> None:
    """The same of any way to it."""
    space.forget()
    try:
        mark = again(lambda: read_all(space, MARK))
    except OSError as error:
        raise GuardFailed(f"the data space does not answer: {error.strerror}", "repair the project") from error
    if mark is None:
        raise GuardFailed("the data space is not mounted, or has lost its mark", "repair the project")


def _probe(world: World) -> Abilities:
    space, path = world.space, joined(TEMPORARY, f"probe-{world.nonce()}".encode())
    write_new(space, path, b"?")
    try:
        return Abilities(
            symlinks=_works(lambda: space.symlink(b"nowhere", path + b"-link")),
            odd_names=_works(lambda: write_new(space, path + b"-\xff\n", b"?")),
            times=_keeps_times(world, path),
            chmod=_keeps_mode(world, path),
            owner=_owner(world, path),
        )
    finally:
        for end in (b"", b"-link", b"-\xff\n"):
            with contextlib.suppress(OSError):
                space.unlink(path + end)


def _works(do: Callable[[], object]) -> bool:
    try:
        do()
    except OSError as error:
        if error.errno in _PASSING:
            raise
        return False
    return True


def _keeps_times(world: World, path: bytes) -> bool:
    wanted = 1_500_000_000_000_000_000
    if not _works(lambda: patient(os.utime, _proc(world, path), ns=(wanted, wanted), follow_symlinks=False)):
        return False
    world.space.forget()
    facts = world.space.stat(path)
    return facts is not None and facts.st_mtime_ns == wanted


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


def place_of(path: bytes, able: Abilities) -> bytes:
    """Where a file's content lies if the space cannot hold its name; empty if it can."""
    return b"" if able.odd_names or (is_text(path) and not any(byte < 32 for byte in path)) else odd_path(path)


def ensure_folder(world: World, path: bytes, made: set[bytes]) -> None:
    """Make a folder of the working copy in the data space, and those above it. `made` remembers which are there."""
    for above in whole_way(path) if path and path not in made else ():
        if above not in made:
            _ensure_one(world, above)
            made.add(above)


def _ensure_one(world: World, path: bytes) -> None:
    number = world.index.add_folder(path)
    if world.index.folder(number).remote:
        return
    facts = world.tree.stat(path)
    mode = facts.st_mode & 0o777 | 0o700 if facts else 0o755
    if again(lambda: world.space.mkdir(path, mode)) and (owner := abilities(world).owner):
        world.space.chown_link(path, *owner)
    world.unsettled = True
    world.index.set_folder(number, remote=1)
    world.index.note_change(path)
