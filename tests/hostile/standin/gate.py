"""What every call passes first: it is counted, and delayed, hung or refused if so told."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from errno import EACCES, EAGAIN, ENOENT, EPERM
from typing import Any, NamedTuple

from .misbehaviour import Misbehaviours, failure
from .passthrough import Passthrough
from .provider import Grant


class _Kind(NamedTuple):
    """Where the arguments of an operation have its paths and its open file, and what it does."""

    paths: tuple[int, ...] = (0,)
    info: int | None = None
    changes: bool = False
    makes: int | None = None
    """Which argument is a new name."""
    refused_by: str = ""


_KINDS = {
    "getattr": _Kind(info=2),
    "readlink": _Kind(),
    "mknod": _Kind(changes=True, makes=0),
    "mkdir": _Kind(changes=True, makes=0),
    "symlink": _Kind(paths=(1,), changes=True, makes=1, refused_by="no_symlinks"),
    "link": _Kind(paths=(0, 1), changes=True, makes=1, refused_by="no_links"),
    "unlink": _Kind(changes=True),
    "rmdir": _Kind(changes=True),
    "rename": _Kind(paths=(0, 1), changes=True, makes=1),
    "chmod": _Kind(info=2, changes=True, refused_by="no_chmod"),
    "chown": _Kind(info=3, changes=True, refused_by="no_chown"),
    "utimens": _Kind(info=2, changes=True, refused_by="no_utime"),
    "statfs": _Kind(),
    "create": _Kind(changes=True, makes=0),
    "open": _Kind(),
    "read": _Kind(info=4),
    "write": _Kind(info=4, changes=True),
    "truncate": _Kind(info=2, changes=True),
    "fallocate": _Kind(info=4, changes=True),
    "flush": _Kind(info=1),
    "fsync": _Kind(info=2),
    "opendir": _Kind(),
    "readdir": _Kind(info=4),
    "fsyncdir": _Kind(info=2),
}
_LOOKED_UP = {"create", "mkdir", "mknod", "symlink", "link", "chmod", "chown", "truncate", "utimens"}
"""libfuse asks for the attributes right after these, to answer the kernel's one call."""
_ENDS = {"release", "releasedir"}
"""The kernel does not care for the answer of these, and a close must be possible."""


class Gate:
    """Dispatches libfuse's calls to the operations, or not."""

    def __init__(self, operations: Passthrough, grant: Grant, settings: Misbehaviours):
        self.operations, self.grant = operations, grant
        self.settings = _calm(settings)
        self.released = threading.Condition()
        self._open = not (operations.store.listed or grant.read_only or grant.expires)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._answering: set[int] = set()
        self._turn = 0

    def change(self, settings: Misbehaviours) -> None:
        """From now on; hung calls look again."""
        with self.released:
            self.settings = _calm(settings)
            self.released.notify_all()

    def calls(self, *, forget: bool = False) -> Mapping[str, int]:
        """How many calls the kernel has made, by kind. A look-up counts as `getattr`."""
        with self._lock:
            answer = dict(self._counts)
            if forget:
                self._counts.clear()
        return answer

    def dispatch(self, name: str, arguments: tuple[Any, ...]) -> int | None:
        """One of libfuse's calls."""
        operation = getattr(self.operations, name)
        if name == "init":
            return operation(*arguments)  # type: ignore[no-any-return]
        thread = threading.get_ident()
        if thread in self._answering:
            self._answering.discard(thread)
            if name == "getattr":
                return operation(*arguments)  # type: ignore[no-any-return]
        with self._lock:
            self._counts[name] += 1
        if self.settings.delay:
            time.sleep(self.settings.delay)
        if name not in _ENDS and self._refuses(name, _KINDS[name], arguments):
            return 0
        answer: int | None = operation(*arguments)
        if name in _LOOKED_UP:
            self._answering.add(thread)
        return answer

    def _refuses(self, name: str, kind: _Kind, arguments: tuple[Any, ...]) -> bool:
        """Raises what the call gets; True if it is only to be acknowledged."""
        if self._open and self.settings is _GOOD:
            return False
        paths = self._paths(kind, arguments)
        changes = kind.changes or self._opens_to_write(name, arguments)
        self._by_provider(changes, paths)
        for path in paths:
            self.wait_while_hung(name, path)
        settings = self.settings
        if settings.empty and any(path != b"/" for path in paths):
            raise OSError(ENOENT, "the list of spaces is empty")
        if any(settings.concerns(path) for path in paths):
            if settings.error and (not settings.error_kinds or name in settings.error_kinds):
                raise failure(settings.error)
            self._take_turn(name, settings)
        if settings.read_only and changes:
            raise failure(str(settings.read_only))
        _refuse_name(settings, name, kind, arguments)
        refusal = getattr(settings, kind.refused_by) if kind.refused_by else ""
        if refusal and refusal != "ignore":
            raise failure(refusal)
        return refusal == "ignore"

    def _paths(self, kind: _Kind, arguments: tuple[Any, ...]) -> list[bytes]:
        if kind.info is not None and arguments[kind.info]:
            return [self.operations.handles[arguments[kind.info].contents.fh].path]
        return [arguments[number] or b"/" for number in kind.paths]

    def _by_provider(self, changes: bool, paths: list[bytes]) -> None:
        """What the token, the space and the list of spaces do not allow."""
        if self.grant.expired:
            raise OSError(EACCES, "the token has expired")
        if not changes:
            return
        for path in paths:
            if self.operations.store.listed and path.count(b"/") == 1:
                raise OSError(EPERM, "the list of spaces is not writable")
            if self.operations.store.space(path) in self.grant.read_only:
                raise OSError(EACCES, "the space is not writable")

    def _opens_to_write(self, name: str, arguments: tuple[Any, ...]) -> bool:
        return name == "open" and bool(arguments[1].contents.flags & (os.O_WRONLY | os.O_RDWR | os.O_TRUNC))

    def wait_while_hung(self, name: str, path: bytes) -> None:
        """Returns when the call does not hang (any more)."""
        if self.settings.hangs(name, path):
            with self.released:
                self.released.wait_for(lambda: not self.settings.hangs(name, path))

    def _take_turn(self, name: str, settings: Misbehaviours) -> None:
        if not settings.eagain_every or (settings.eagain_kinds and name not in settings.eagain_kinds):
            return
        with self._lock:
            self._turn += 1
            turn = self._turn
        if turn % settings.eagain_every == 0:
            raise OSError(EAGAIN, "again")


_GOOD = Misbehaviours()


def _calm(settings: Misbehaviours) -> Misbehaviours:
    """The same settings; one object for those where nothing is wrong, so that they are known at a glance."""
    return _GOOD if settings == _GOOD else settings


def _refuse_name(settings: Misbehaviours, name: str, kind: _Kind, arguments: tuple[Any, ...]) -> None:
    if not settings.no_odd_names:
        return
    if kind.makes is not None and not is_text(arguments[kind.makes]):
        raise failure(str(settings.no_odd_names))
    if name == "getattr" and arguments[0] and not is_text(arguments[0]):
        raise OSError(ENOENT, "no such name")


def is_text(name: bytes) -> bool:
    """Whether a name is UTF-8."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
