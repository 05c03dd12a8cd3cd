"""With no misbehaviour set, the stand-in is a correct file system."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hostile.space import HostileSpace

pytestmark = pytest.mark.long
_NOREPLACE = 1


def _names(folder: Path) -> list[bytes]:
    return os.listdir(os.fsencode(folder))  # noqa: PTH208  (bytes)


def _rename(old: Path, new: Path, flags: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags):
        raise OSError(ctypes.get_errno(), "renameat2")


def test_content_is_kept(space: HostileSpace, backing: Path) -> None:
    path = space.mountpoint / "a"
    path.write_bytes(b"one")
    with path.open("ab") as stream:
        stream.write(b" two")
    assert path.read_bytes() == (backing / "a").read_bytes() == b"one two"
    with path.open("r+b") as stream:
        stream.seek(2)
        stream.write(b"E")
        stream.truncate(5)
    assert (backing / "a").read_bytes() == b"onE t"
    os.truncate(path, 2)
    assert path.read_bytes() == b"on"
    path.write_bytes(b"")
    assert path.stat().st_size == 0


def test_a_large_file(space: HostileSpace, backing: Path) -> None:
    content = os.urandom(1 << 20) * 40 + b"end"
    path = space.mountpoint / "large"
    path.write_bytes(content)
    wanted = hashlib.sha256(content).digest()
    assert hashlib.sha256((backing / "large").read_bytes()).digest() == wanted
    assert hashlib.sha256(path.read_bytes()).digest() == wanted
    with path.open("rb") as stream:
        stream.seek(-3, os.SEEK_END)
        assert stream.read() == b"end"


def test_sparse_files_and_allocation(space: HostileSpace) -> None:
    with (space.mountpoint / "sparse").open("wb") as stream:
        stream.seek(5_000_000_000)
        stream.write(b"x")
        os.posix_fallocate(stream.fileno(), 0, 4096)
    assert (space.mountpoint / "sparse").stat().st_size == 5_000_000_001


def test_folders(space: HostileSpace, backing: Path) -> None:
    (space.mountpoint / "a/b/c").mkdir(parents=True)
    with pytest.raises(OSError, match="not empty"):
        (space.mountpoint / "a").rmdir()
    with pytest.raises(FileExistsError):
        (space.mountpoint / "a").mkdir()
    (space.mountpoint / "a/b/c").rmdir()
    assert not (backing / "a/b/c").exists()
    with pytest.raises(FileNotFoundError):
        _names(space.mountpoint / "a/b/c")


def test_large_folders_are_listed_whole(space: HostileSpace, backing: Path) -> None:
    names = {f"{number:05d}-{'n' * 60}" for number in range(3000)}
    for name in names:
        (backing / name).touch()
    with os.scandir(space.mountpoint) as entries:
        found = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    assert len(found) == len(names)
    assert {entry.name for entry in found} == names
    assert space.calls()["getattr"] < 100, "attributes come with the names"


def test_rename(space: HostileSpace, backing: Path) -> None:
    old, new = space.mountpoint / "old", space.mountpoint / "new"
    old.write_text("old")
    inode = old.stat().st_ino
    new.write_text("new")
    with pytest.raises(FileExistsError):
        _rename(old, new, _NOREPLACE)
    old.rename(new)
    assert (backing / "new").read_text() == "old"
    assert new.stat().st_ino == inode == (backing / "new").stat().st_ino
    (space.mountpoint / "folder").mkdir()
    (space.mountpoint / "folder").rename(space.mountpoint / "moved")
    new.rename(space.mountpoint / "moved/new")
    assert _names(space.mountpoint) == [b"moved"]


def test_an_open_file_outlives_its_name(space: HostileSpace, backing: Path) -> None:
    """But cannot be asked for its attributes any more, see passthrough.py."""
    descriptor = os.open(space.mountpoint / "a", os.O_RDWR | os.O_CREAT)
    os.write(descriptor, b"before")
    (space.mountpoint / "a").unlink()
    assert _names(backing) == [], "no hidden file is left"
    os.write(descriptor, b" after")
    assert os.pread(descriptor, 20, 0) == b"before after"
    with pytest.raises(OSError, match="Stale"):
        os.fstat(descriptor)
    os.close(descriptor)


def test_links(space: HostileSpace, backing: Path) -> None:
    (space.mountpoint / "a").write_text("a")
    os.link(space.mountpoint / "a", space.mountpoint / "b")
    assert (space.mountpoint / "b").stat().st_nlink == 2
    for target in ("a", "/absolute/nowhere", "../up", "x" * 4000):
        link = space.mountpoint / "link"
        link.symlink_to(target)
        assert str(link.readlink()) == str((backing / "link").readlink()) == target
        assert stat.S_ISLNK(link.lstat().st_mode)
        link.unlink()


def test_attributes(space: HostileSpace, backing: Path) -> None:
    path = space.mountpoint / "a"
    path.write_text("a")
    path.chmod(0o4751)
    os.chown(path, 1234, 4321)
    path.chmod(0o4751)
    os.utime(path, ns=(1_600_000_000_123_456_789, 1_500_000_000_987_654_321))
    found, there = path.stat(), (backing / "a").stat()
    assert (found.st_ino, found.st_nlink, found.st_size) == (there.st_ino, there.st_nlink, there.st_size)
    assert (found.st_mode, found.st_mtime_ns, found.st_ctime_ns) == (
        there.st_mode,
        there.st_mtime_ns,
        there.st_ctime_ns,
    )
    assert (found.st_mode, found.st_uid, found.st_gid) == (0o104751, 1234, 4321)
    assert (found.st_atime_ns, found.st_mtime_ns) == (1_600_000_000_123_456_789, 1_500_000_000_987_654_321)
    subprocess.run(["touch", "-h", "-a", "-d", "2001-01-01 00:00:00.5 UTC", path], check=True)
    assert path.stat().st_mtime_ns == 1_500_000_000_987_654_321, "UTIME_OMIT"
    os.utime(path)
    assert (backing / "a").stat().st_mtime_ns == path.stat().st_mtime_ns > 1_700_000_000 * 10**9


def test_other_kinds(space: HostileSpace) -> None:
    os.mkfifo(space.mountpoint / "fifo")
    assert stat.S_ISFIFO((space.mountpoint / "fifo").lstat().st_mode)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(space.mountpoint / "socket"))
    assert stat.S_ISSOCK((space.mountpoint / "socket").lstat().st_mode)


def test_room(space: HostileSpace, backing: Path) -> None:
    here, there = os.statvfs(space.mountpoint), os.statvfs(backing)
    assert (here.f_frsize, here.f_blocks, here.f_namemax) == (there.f_frsize, there.f_blocks, there.f_namemax)


@pytest.mark.parametrize(
    "name", [b"with space", b"new\nline", b"quote'\"", b"\xff\xfe\x80", "µ-日本".encode(), b"n" * 255, b"-x", b"\\"]
)
def test_names(space: HostileSpace, backing: Path, name: bytes) -> None:
    path = os.fsencode(space.mountpoint) + b"/" + name
    for make in (os.mkdir, os.rmdir):
        make(path)
    with open(path, "w") as stream:  # noqa: PTH123  (Path takes no bytes)
        stream.write("x")
    assert _names(backing) == _names(space.mountpoint) == [name]
    os.rename(path, path[:-1] + b"_")  # noqa: PTH104
    assert _names(backing) == [name[:-1] + b"_"]


def test_names_that_are_too_long(space: HostileSpace) -> None:
    with pytest.raises(OSError, match="too long"):
        (space.mountpoint / ("n" * 256)).touch()


def test_paths_longer_than_the_kernel_takes_at_once(space: HostileSpace, backing: Path) -> None:
    folder = os.open(space.mountpoint, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=folder)
        folder, above = os.open("d" * 200, os.O_RDONLY, dir_fd=folder), folder
        os.close(above)
    descriptor = os.open("deep", os.O_CREAT | os.O_WRONLY, dir_fd=folder)
    os.write(descriptor, b"deep")
    os.close(descriptor)
    os.close(folder)
    ending = [(files, os.stat("deep", dir_fd=at).st_size) for _, _, files, at in os.fwalk(backing) if files]
    assert ending == [(["deep"], 4)]


def test_a_symlink_in_the_backing_folder_leads_nowhere_else(space: HostileSpace, backing: Path, tmp_path: Path) -> None:
    """Folders are opened without following symlinks, also when one takes the place of a folder meanwhile."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (space.mountpoint / "folder").mkdir()
    inside = os.open(space.mountpoint / "folder", os.O_RDONLY)
    (backing / "folder").rmdir()
    (backing / "folder").symlink_to(outside)
    try:
        with pytest.raises(OSError, match="."):
            os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=inside)
    finally:
        os.close(inside)
    assert _names(outside) == []


def test_many_threads(space: HostileSpace, backing: Path) -> None:
    def work(number: int) -> bytes:
        folder = space.mountpoint / f"{number % 4}"
        folder.mkdir(exist_ok=True)
        content = f"{number} ".encode() * 3000
        (folder / f"{number}.part").write_bytes(content)
        (folder / f"{number}.part").rename(folder / f"{number}")
        assert (folder / f"{number}").read_bytes() == content
        return content

    with ThreadPoolExecutor(16) as pool:
        contents = list(pool.map(work, range(200)))
    assert [(backing / f"{n % 4}" / f"{n}").read_bytes() for n in range(200)] == contents


def test_two_mounts_and_the_web_ui_see_the_same(space: HostileSpace, backing: Path) -> None:
    with HostileSpace(backing) as other:
        (space.mountpoint / "a").write_text("1")
        assert (other.mountpoint / "a").read_text() == "1"
        (other.mountpoint / "a").write_text("22")
        assert (space.mountpoint / "a").stat().st_size == 2
        (backing / "a").write_text("333")
        assert (space.mountpoint / "a").read_text() == (other.mountpoint / "a").read_text() == "333"
        (backing / "a").unlink()
        assert not (space.mountpoint / "a").exists()


def _as_2001(script: str, folder: Path) -> None:
    become = ["setpriv", "--reuid=2001", "--regid=2001", "--clear-groups"]
    subprocess.run([*become, "sh", "-ec", script], cwd=folder, check=True)


def test_files_belong_to_who_makes_them(space: HostileSpace, backing: Path) -> None:
    space.folder.chmod(0o755)
    (space.mountpoint / "theirs").mkdir()
    os.chown(space.mountpoint / "theirs", 2001, 2001)
    _as_2001("touch theirs/file; mkdir theirs/folder; ln -s x theirs/link", space.mountpoint)
    owners = {(entry.lstat().st_uid, entry.lstat().st_gid) for entry in (backing / "theirs").iterdir()}
    assert owners == {(2001, 2001)}


def test_permissions_count(space: HostileSpace) -> None:
    space.folder.chmod(0o755)
    (space.mountpoint / "private").write_text("x")
    (space.mountpoint / "private").chmod(0o600)
    (space.mountpoint / "public").write_text("x")
    _as_2001("cat public; ! cat private; ! touch new", space.mountpoint)


def _calls_of(space: HostileSpace, what: Callable[[], object]) -> dict[str, int]:
    space.reset_calls()
    what()
    return {kind: number for kind, number in space.calls().items() if not kind.startswith("release")}


def test_calls_are_counted(backing: Path) -> None:
    with HostileSpace(backing, kernel_cache=60) as space:
        path = space.mountpoint / "a"
        space.mountpoint.stat()
        assert _calls_of(space, lambda: path.write_text("x")) == {"getattr": 1, "create": 1, "write": 1, "flush": 1}
        assert _calls_of(space, lambda: path.rename(space.mountpoint / "b"))["rename"] == 1
        assert _calls_of(space, (space.mountpoint / "b").unlink)["unlink"] == 1
        assert _calls_of(space, lambda: _names(space.mountpoint))["opendir"] == 1
        assert space.reset_calls()
        assert space.calls() == {}


def test_the_kernel_may_remember_if_told_so(backing: Path) -> None:
    (backing / "a").write_text("x")
    with HostileSpace(backing, kernel_cache=60) as space:
        (space.mountpoint / "a").stat()
        assert _calls_of(space, (space.mountpoint / "a").stat) == {}


def test_nothing_is_left_of_a_mount(backing: Path) -> None:
    with pytest.raises(ZeroDivisionError), HostileSpace(backing) as space:
        _ = 1 // 0
    assert not space.folder.exists()
    assert not space.is_mounted()


def test_the_mount_ends_with_its_test(backing: Path) -> None:
    """Killed, pytest can unmount nothing: the stand-in sees its input end."""
    program = f"""
import os
from pathlib import Path
from tests.hostile.space import HostileSpace
space = HostileSpace(Path({os.fspath(backing)!r}))
space.__enter__()
print(space.mountpoint, flush=True)
os.kill(os.getpid(), 9)
"""
    ended = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=False)
    mountpoint = Path(ended.stdout.strip())
    subprocess.run(["timeout", "20", "sh", "-c", f"while mountpoint -q {mountpoint}; do sleep 0.05; done"], check=True)
    for path in mountpoint.parent.iterdir():
        path.rmdir() if path.is_dir() else path.unlink()
    mountpoint.parent.rmdir()


def test_errors_are_the_backing_folders(space: HostileSpace) -> None:
    (space.mountpoint / "file").touch()
    with pytest.raises(NotADirectoryError):
        _names(space.mountpoint / "file")
    with pytest.raises(OSError, match=r".") as raised:
        os.getxattr(space.mountpoint / "file", "user.x")
    assert raised.value.errno == errno.EOPNOTSUPP
