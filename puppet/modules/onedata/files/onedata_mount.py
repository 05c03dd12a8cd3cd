#!/usr/bin/python3 -IB
"""A folder of a OneData space as a mount: the steps of `onedata@NAME.service`.

oneclient shows spaces as folders of its own mount, which nobody but its user and root can reach. The wanted folder of a
space is bound from there to where people look for it. `onedata-mount STEP NAME`, where STEP is one of

prepare   make the folders, detach what a dead oneclient left
run       become oneclient; the token goes from its file into oneclient's environment
show      wait for the space, and bind its folder to the mountpoint
clear     detach both; a hung mount does not hold this up
remove    the same, and the folders go as well
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pwd
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SETTINGS = Path("/etc/onedata")
STATE = Path("/var/lib/onedata")
MOUNTS = Path("/proc/self/mountinfo")
WAIT, SPACE_WAIT = 150.0, 10.0
"""Seconds to wait for oneclient's mount; for the space and the folder in it."""
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_PRIVATE = 1, 2, 4, 32, 4096, 1 << 18
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8
FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Failed(Exception):
    """What is wrong, for people; it never holds the token."""


class NotMounted(Failed):
    """oneclient has not mounted anything yet."""


@dataclass(frozen=True)
class Mount:
    """What is mounted: folder `path` of a space, by a provider's host, at `mountpoint`."""

    name: str
    command: str
    user: str
    host: str
    space: str
    path: str
    mountpoint: str
    read_only: bool
    options: tuple[str, ...]

    @property
    def inner(self) -> str:
        """Where oneclient itself mounts."""
        return str(STATE / self.name / "spaces")


def parse_config(name: str, text: str) -> Mount:
    """The mount that a configuration describes."""
    config = json.loads(text)
    return Mount(name, **{**config, "options": tuple(config["options"])})


def parse_mounts(text: str) -> dict[str, str]:
    """Kinds of file systems by path, from /proc/self/mountinfo: of two with one path, the last one is seen."""
    found = {}
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        if right:
            found[_plain(left.split(" ")[4])] = right.split(" ")[0]
    return found


def is_client(kind: str) -> bool:
    """Whether this is a mount of oneclient's."""
    return kind == "fuse" or kind.startswith("fuse.")


def arguments(mount: Mount) -> list[str]:
    """oneclient's command line; the token is not on it."""
    read_only = ["-o", "ro"] if mount.read_only else []
    shown = ["--space", mount.space, "-o", "allow_other", *read_only]
    return [mount.command, "-f", "-H", mount.host, *shown, *mount.options, mount.inner]


def environment(mount: Mount, token: str, given: Mapping[str, str]) -> dict[str, str]:
    """oneclient's environment."""
    logs = {"ONECLIENT_LOG_DIR": given["LOGS_DIRECTORY"]} if "LOGS_DIRECTORY" in given else {}
    return {**given, **logs, "ONECLIENT_PROVIDER_HOST": mount.host, "ONECLIENT_ACCESS_TOKEN": token}


def read_token(path: Path) -> str:
    """The token, from a file that nobody else can read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Failed(f"the access token cannot be read: {error}") from error
    with os.fdopen(handle, encoding="utf-8", errors="replace") as stream:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise Failed(f"others can read the access token: chmod 0600 {path}")
        token = stream.read(65536).strip()
    if not token or len(token.split()) != 1 or not token.isascii() or not token.isprintable():
        raise Failed(f"{path} holds no access token, which is one word")
    return token


def open_folder(path: str, make: bool = False, start: int | None = None) -> int:
    """A descriptor of a folder, opened part by part: a symbolic link on the way is refused, not followed."""
    handle = os.dup(start) if start is not None else os.open("/", FOLDER)
    for part in Path(path.lstrip("/")).parts:
        try:
            if make:
                _make(part, handle, path)
            inner = os.open(part, FOLDER, dir_fd=handle)
        except OSError as error:
            raise Failed(f"{part!r} of {path!r}: {error.strerror}") from error
        finally:
            os.close(handle)
        handle = inner
    return handle


class Kernel:
    """Mounts and unmounts without looking at what is mounted, which might hang."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def mounts(self) -> dict[str, str]:
        """Of what kind is what is mounted now, by path."""
        return parse_mounts(MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))

    def bind(self, source: int, target: str, read_only: bool) -> None:
        """Show the folder with descriptor `source` at `target` as well.

        Private, or what is mounted there next would show up below it as well, where the folder itself is.
        """
        with _opened(target) as folder:
            self._mount(f"/proc/self/fd/{source}", f"/proc/self/fd/{folder}", MS_BIND)
        flags = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV
        self._mount(None, target, flags | MS_RDONLY if read_only else flags)
        self._mount(None, target, MS_PRIVATE)

    def detach(self, path: str) -> None:
        """Take away what is seen at `path`, in use or not."""
        if self._libc.umount2(os.fsencode(path), MNT_DETACH | UMOUNT_NOFOLLOW):
            raise Failed(f"{path} cannot be unmounted: {os.strerror(ctypes.get_errno())}")

    def _mount(self, source: str | None, target: str, flags: int) -> None:
        words = [os.fsencode(source) if source else None, os.fsencode(target), None]
        if self._libc.mount(*words, ctypes.c_ulong(flags), None):
            raise Failed(f"{target} cannot be mounted: {os.strerror(ctypes.get_errno())}")


def clear(mount: Mount, kernel: Kernel) -> None:
    """Detach what oneclient shows, at the mountpoint and at its own place."""
    for path in (mount.mountpoint, mount.inner):
        while is_client(kernel.mounts().get(path, "")):
            kernel.detach(path)


def prepare(mount: Mount, kernel: Kernel) -> None:
    """Make the folders. The mountpoint is an empty read-only mount until the space is shown: nobody writes past it."""
    clear(mount, kernel)
    owner = pwd.getpwnam(mount.user)
    _give(str(Path(mount.inner).parent), 0, owner.pw_gid, 0o710)
    _give(mount.inner, owner.pw_uid, owner.pw_gid, 0o700)
    with _opened(mount.mountpoint, make=True) as folder:
        if mount.mountpoint not in kernel.mounts():
            kernel.bind(folder, mount.mountpoint, read_only=True)


def is_alive() -> bool:
    """Whether the service's main process is there; systemd tells its number to ExecStartPost."""
    pid = os.environ.get("MAINPID", "")
    return not pid or Path("/proc", pid).exists()


def show(
    mount: Mount,
    kernel: Kernel,
    alive: Callable[[], bool] = is_alive,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Bind the space's folder to the mountpoint as soon as it is there. A folder that is to be written to is made."""
    end, waits_for_space = monotonic() + WAIT, False
    while True:
        try:
            source = _source(mount, kernel)
            break
        except Failed as failed:
            if not alive():
                raise Failed("oneclient has ended") from failed
            if not waits_for_space and not isinstance(failed, NotMounted):
                end, waits_for_space = monotonic() + SPACE_WAIT, True
            if monotonic() > end:
                raise
        sleep(0.1)
    try:
        kernel.bind(source, mount.mountpoint, mount.read_only)
    finally:
        os.close(source)


def remove(mount: Mount, kernel: Kernel) -> None:
    """Detach everything and remove the folders, those that are empty."""
    clear(mount, kernel)
    while mount.mountpoint in kernel.mounts():
        kernel.detach(mount.mountpoint)
    for path in (mount.inner, str(STATE / mount.name), mount.mountpoint):
        with contextlib.suppress(OSError):
            Path(path).rmdir()


def main(words: Sequence[str]) -> int:
    """Do a step; what is wrong goes to the journal."""
    try:
        step, name = words
        mount = parse_config(name, (SETTINGS / f"{name}.json").read_text(encoding="utf-8"))
        return _step(step, mount)
    except Failed as failed:
        print(f"onedata: {failed}", file=sys.stderr)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"onedata: {type(error).__name__}: {error}", file=sys.stderr)
    return 1


def _step(step: str, mount: Mount) -> int:
    if step == "run":
        token = read_token(SETTINGS / f"{mount.name}.token")
        os.execve(mount.command, arguments(mount), environment(mount, token, os.environ))
    os.umask(0o022)
    steps = {"prepare": prepare, "show": show, "clear": clear, "remove": remove}
    steps[step](mount, Kernel())
    return 0


def _source(mount: Mount, kernel: Kernel) -> int:
    """A descriptor of the wanted folder."""
    if not is_client(kernel.mounts().get(mount.inner, "")):
        raise NotMounted("oneclient has not mounted anything")
    with _opened(mount.inner) as top:
        try:
            space = open_folder(mount.space, start=top)
        except Failed as failed:
            raise Failed(f"the space is not there, or the token does not open it: {failed}") from failed
    try:
        return open_folder(mount.path, not mount.read_only, space)
    finally:
        os.close(space)


def _make(name: str, folder: int, path: str) -> None:
    """Make a folder, unless it is there."""
    try:
        os.mkdir(name, 0o755, dir_fd=folder)
    except FileExistsError:
        pass
    except OSError as error:
        raise Failed(f"{name!r} of {path!r} cannot be made: {error.strerror}") from error


def _give(path: str, uid: int, gid: int, mode: int) -> None:
    """Make a folder, owned and open as told."""
    with _opened(path, make=True) as folder:
        opened = Path(f"/proc/self/fd/{folder}")
        os.chown(opened, uid, gid)
        opened.chmod(mode)


@contextlib.contextmanager
def _opened(path: str, make: bool = False) -> Iterator[int]:
    handle = open_folder(path, make)
    try:
        yield handle
    finally:
        os.close(handle)


def _plain(text: str) -> str:
    """A path of mountinfo, where spaces and the like are written as octal numbers."""
    raw = text.encode("utf-8", "surrogateescape")
    for code in (b"040", b"011", b"012", b"134"):
        raw = raw.replace(b"\\" + code, bytes([int(code, 8)]))
    return raw.decode("utf-8", "surrogateescape")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
