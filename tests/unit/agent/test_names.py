"""Names and kinds of files, there and back: what one machine saves, another one pulls as it was."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import Unsaved
from cloudify_scipion.agent.plan.names import is_text, readable, whole_way
from cloudify_scipion.agent.ports import read_tree as module
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.ports.whole_files import make_folders
from tests.unit.agent.rig import Rig, contents, write

NAMES = (
    b"with space", b" in front", b"behind ", b"new\nline", b"tab\tand\rreturn", b"'single' \"double\"", b"back\\slash",
    b"$(touch x); `y` & | > < * ? [a] {b} !c ~ #", b"-rf", b"--delete", b"%41%20", b"...", b".hidden", b"\xff\xfe\x80",
    b"latin-\xe9", "größe-日本-e\u0301".encode(), b"\x01\x7f", b"n" * 255, b"\xc3\xa4" * 127, b"a:b", b"a.conflict-1",
    b"CON", b"file.",
)  # fmt: skip


class Poor(Tree):
    """A data space that holds no symbolic links, and only names of printable UTF-8."""

    def symlink(self, target: bytes, path: bytes) -> None:
        raise OSError(errno.EPERM, "no links here")

    def create(self, path: bytes, mode: int = 0o600) -> int:
        return super().create(_plain(path), mode)

    def mkdir(self, path: bytes, mode: int = 0o755) -> bool:
        return super().mkdir(_plain(path), mode)

    def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
        super().rename(_plain(old), _plain(new), replace)

    def link(self, old: bytes, new: bytes) -> None:
        raise OSError(errno.EPERM, "no links here")

    def rmdir(self, path: bytes) -> bool:
        return super().rmdir(_plain(path))

    def stat(self, path: bytes) -> os.stat_result | None:
        return super().stat(_plain(path))


def _plain(path: bytes) -> bytes:
    if not is_text(path) or any(byte < 32 for byte in path):
        raise OSError(errno.EILSEQ, "no such names here")
    return path


@pytest.fixture(params=["plain", "poor"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Rig, Rig]]:
    """Two machines, one after the other, and a data space that can hold everything or little."""
    space = tmp_path / "space"

    def trees(path: str) -> Tree:
        return Poor(path) if request.param == "poor" and path == str(space) else Tree(path)

    first = Rig(tmp_path / "volume", space, trees=trees)
    first.pull()
    before = os.umask(0)  # as the agent's program does
    yield first, Rig(tmp_path / "other", space, machine="m2", generation=2, trees=trees)
    os.umask(before)


def facts(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that must be the same: kind, mode, content or target, time, and which names are one file."""
    found: dict[str, tuple[object, ...]] = {}
    inodes: dict[int, str] = {}
    # os.walk: rglob of some Python 3.11 follows links to find out whether they are folders
    paths = [Path(where, name) for where, folders, files in os.walk(folder) for name in [*folders, *files]]
    for path in sorted(paths):
        there, name = path.lstat(), str(path.relative_to(folder))
        mode = stat.S_IMODE(there.st_mode)
        if stat.S_ISDIR(there.st_mode):
            found[name] = ("folder", mode)
        elif stat.S_ISLNK(there.st_mode):
            found[name] = ("link", os.readlink(path))  # noqa: PTH115 - as it stands
        else:
            first = inodes.setdefault(there.st_ino, name)
            found[name] = ("file", mode, there.st_mtime_ns, path.read_bytes(), first)
    return found


def same(pair: tuple[Rig, Rig]) -> None:
    first, second = pair
    assert first.push().failed == []
    second.pull()
    wanted = facts(first.user)
    assert wanted and facts(second.user) == wanted
    assert second.push().failed == []
    assert second.verify_all().wrong == []
    assert facts(second.user) == wanted


def new(rig: Rig, path: bytes, content: bytes = b"content") -> Path:
    return write(rig.user / os.fsdecode(path), content, 5000.25)


def test_names(pair: tuple[Rig, Rig]) -> None:
    for number, name in enumerate(NAMES):
        new(pair[0], name, b"%d" % number)
        new(pair[0], b"in/" + name + b"/" + name, b"%d below" % number)
    same(pair)


def test_a_change_and_a_deletion_of_an_odd_name(pair: tuple[Rig, Rig]) -> None:
    for name in (b"\xff/one\n", b"two\n", b"three\xff", b"plain"):
        new(pair[0], name)
    pair[0].push()
    new(pair[0], b"\xff/one\n", b"changed")
    (pair[0].user / "two\n").unlink()
    (pair[0].user / os.fsdecode(b"three\xff")).rename(pair[0].user / os.fsdecode(b"four\xfe"))
    same(pair)
    assert sorted(pair[0].trash().values())[0] == b"content"


def test_an_odd_folder_is_moved_and_removed(pair: tuple[Rig, Rig]) -> None:
    new(pair[0], b"keep")
    new(pair[0], b"a\n/b\xff/file")
    new(pair[0], b"gone\n/file")
    pair[0].push()
    (pair[0].user / "a\n").rename(pair[0].user / "moved\n")
    (pair[0].user / "gone\n/file").unlink()
    (pair[0].user / "gone\n").rmdir()
    same(pair)


def test_empty_files_and_folders(pair: tuple[Rig, Rig]) -> None:
    new(pair[0], b"empty", b"")
    for name in ("folder", "a/b/c", "odd\n", os.fsdecode(b"\xff/\xfe")):
        (pair[0].user / name).mkdir(parents=True)
    same(pair)


@pytest.mark.parametrize(
    "target",
    [
        b"file", b"../outside", b"/etc/passwd", b"no such thing", b"link", b"a folder", b"with\nnewline", b"\xff\xfe",
        b" ", b"t" * 4000, b"./a folder/../file", b".",
    ],
)  # fmt: skip
def test_symbolic_links(pair: tuple[Rig, Rig], target: bytes) -> None:
    new(pair[0], b"file")
    new(pair[0], b"a folder/inside")
    for name in (b"link", b"a folder/link with space", b"odd\xff"):
        (pair[0].user / os.fsdecode(name)).symlink_to(os.fsdecode(target))
    same(pair)


def test_a_changed_link(pair: tuple[Rig, Rig]) -> None:
    link = pair[0].user / "link"
    link.symlink_to("one")
    pair[0].push()
    link.unlink()
    link.symlink_to("two")
    same(pair)


def test_a_link_becomes_a_file_and_a_file_a_link(pair: tuple[Rig, Rig]) -> None:
    (pair[0].user / "a").symlink_to("b")
    new(pair[0], b"b")
    pair[0].push()
    for name in ("a", "b"):
        (pair[0].user / name).unlink()
    new(pair[0], b"a", b"a file now")
    (pair[0].user / "b").symlink_to("a")
    same(pair)


def test_hard_links(pair: tuple[Rig, Rig]) -> None:
    first = new(pair[0], b"z/first")
    for name in ("a", "b c", "odd\n", "z/second"):
        os.link(first, pair[0].user / name)
    new(pair[0], b"same content, another file", b"content")
    same(pair)


def test_a_hard_link_that_came_later_and_one_that_went(pair: tuple[Rig, Rig]) -> None:
    first = new(pair[0], b"m")
    os.link(first, pair[0].user / "n")
    os.link(first, pair[0].user / "o")
    pair[0].push()
    os.link(first, pair[0].user / "a")
    pair[0].push()
    first.unlink()
    pair[0].push()
    (pair[0].user / "a").unlink()  # the first name of the others
    new(pair[0], b"a", b"another file of that name")
    same(pair)


def test_a_hard_link_that_was_taken_apart(pair: tuple[Rig, Rig]) -> None:
    first = new(pair[0], b"a")
    os.link(first, pair[0].user / "b")
    pair[0].push()
    (pair[0].user / "b").unlink()
    new(pair[0], b"b")  # the same content
    same(pair)


def test_a_hard_link_that_was_changed_in_the_data_space_is_a_file_of_its_own(rig: Rig, tmp_path: Path) -> None:
    first = new(rig, b"a")
    os.link(first, rig.user / "b")
    rig.push()
    rig.web("b", b"changed there")
    other = Rig(tmp_path / "other", rig.space, machine="m2", generation=2)
    other.pull()
    assert other.local() == {"a": b"content", "b": b"changed there"}
    assert (other.user / "a").stat().st_nlink == 1


def test_a_hard_link_is_brought_back_as_one(rig: Rig) -> None:
    first = new(rig, b"a")
    os.link(first, rig.user / "b")
    rig.push()
    wanted = facts(rig.user)
    for name in "ab":
        (rig.user / name).unlink()
    rig.push()
    rig.answer("deletions", "restore")
    rig.push()
    assert facts(rig.user) == wanted


@pytest.mark.parametrize("parts", [[b"d" * 200] * 40, pytest.param([b"d"] * 1050, marks=pytest.mark.long)])
def test_paths_that_no_system_call_takes(tmp_path: Path, parts: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than 4096 bytes, or deeper than a program's stack."""
    monkeypatch.setattr(module, "_MAX_FOLDERS", 2000)  # else it works, and takes a minute
    path = b"/".join(parts)
    first = Rig(tmp_path / "volume", tmp_path / "space", workers=1)
    second = Rig(tmp_path / "other", tmp_path / "space", machine="m2", generation=2, workers=1)
    try:
        first.pull()
        tree = Tree(str(first.user))
        make_folders(tree, path)
        fd = tree.create(path + b"/file", 0o644)
        tree.write(fd, b"deep")
        tree.close(fd)
        assert first.push().failed == []
        second.pull()
        there = Tree(str(second.user))
        with os.fdopen(there.open(path + b"/file"), "rb") as stream:
            assert stream.read() == b"deep"
        assert second.push().failed == []
        assert second.verify_all().wrong == []
    finally:
        for folder in (first.user, second.user, first.space):
            _remove(Tree(str(folder)), path)


def _remove(tree: Tree, path: bytes) -> None:
    """What the clean-up of pytest cannot."""
    if tree.stat(path) is not None:
        tree.unlink(path + b"/file")
    for above in reversed(list(whole_way(path))):
        tree.rmdir(above)


def test_modes_and_times(pair: tuple[Rig, Rig]) -> None:
    for mode in (0o600, 0o640, 0o644, 0o755, 0o700, 0o666):
        new(pair[0], b"%o" % mode).chmod(mode)
        folder = pair[0].user / f"folder-{mode:o}"
        folder.mkdir()
        folder.chmod(mode | 0o700)
    for time in (1, 10**18 + 123_456_789, 1_600_000_000_999_999_999):
        os.utime(new(pair[0], b"at %d" % time), ns=(time, time))
    same(pair)


def test_a_change_of_the_mode_alone(pair: tuple[Rig, Rig]) -> None:
    path = new(pair[0], b"script")
    path.chmod(0o644)
    pair[0].push()
    path.chmod(0o755)
    assert pair[0].push().size == 0
    same(pair)


def test_what_nobody_could_read_can_be_read_by_its_owner(rig: Rig, tmp_path: Path) -> None:
    """Mode 0 comes back as 0600, set-uid bits not at all."""
    new(rig, b"secret").chmod(0)
    new(rig, b"setuid").chmod(0o4755)
    rig.push()
    other = Rig(tmp_path / "other", rig.space, machine="m2", generation=2)
    other.pull()
    assert [stat.S_IMODE((other.user / name).stat().st_mode) for name in ("secret", "setuid")] == [0o600, 0o755]


@pytest.mark.parametrize("poor", [False, True])
def test_pipes_sockets_and_devices_are_reported(rig: Rig, poor: bool) -> None:
    os.mkfifo(rig.user / "pipe\n")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(rig.user / "socket"))
    expected = ["pipe\n", "socket"]
    if os.geteuid() == 0:
        os.mknod(rig.user / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        expected.insert(0, "device")
    new(rig, b"file")
    result = replace(rig, trees=Poor).push() if poor else rig.push()
    listening.close()
    assert [os.fsdecode(path) for path in result.special] == expected
    assert rig.saved() == {"file": b"content"}
    assert len(rig.alarms()) == len(expected)
    assert "pipe\\n is a pipe, a socket or a device: it is not saved" in rig.alarms()
    rig.push()
    assert len(rig.alarms()) == len(expected), "it is said once"


class Remembering(Tree):
    """A client that believes a name to be there which others have taken away: who asks the space itself is told."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.old = Path(path).stat()

    def stat(self, path: bytes) -> os.stat_result | None:
        return super().stat(path) or (self.old if path == b"a" else None)

    def mkdir(self, path: bytes, mode: int = 0o755) -> bool:
        return path != b"a" and super().mkdir(path, mode)

    def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
        if new == b"a":
            raise FileExistsError(errno.EEXIST, "it is there", "a")
        super().rename(old, new, replace)


@pytest.mark.parametrize("path", ["a", "a/f"])
@pytest.mark.parametrize("known", [False, True])
def test_what_a_client_remembers_of_a_name_is_no_proof_that_names_are_one(rig: Rig, path: str, known: bool) -> None:
    if known:
        rig.write(path)
        rig.push()
        shutil.rmtree(rig.space / "a") if path == "a/f" else (rig.space / "a").unlink()
        rig.scan()
    rig.write(path, "new")
    rig.write("other", "new")
    rig.trees = lambda folder: Remembering(folder) if folder == str(rig.space) else Tree(folder)
    with pytest.raises(Unsaved, match="does not know it yet"):
        rig.push()
    assert rig.saved()["other"] == b"new"
    rig.trees = Tree
    rig.push()
    assert rig.saved() == {path: b"new", "other": b"new"}
    assert not contents(rig.space / ".cloudify-scipion/odd", hidden=True)


def test_messages_about_odd_names_can_be_shown(rig: Rig) -> None:
    """A name that is no UTF-8 must not end the work in the database of events, nor a newline forge a line there."""
    odd = os.fsdecode(b"\xff\n2026 alarm forged")
    rig.write(odd, b"one")
    rig.push()
    rig.web(odd, b"web")
    rig.write(odd, b"two", age=10)
    assert rig.push().conflicts == 1
    assert any("\\xff\\n2026" in alarm and "\n" not in alarm for alarm in rig.alarms())
    rig.write(".cloudify-scipion", b"a name that is kept")
    with pytest.raises(Unsaved, match="kept for"):
        rig.push()
    assert readable(odd) == "\\xff\\n2026 alarm forged"


def test_a_file_with_our_folders_name_does_not_hold_up_the_rest(rig: Rig) -> None:
    rig.write(".cloudify-scipion/lease/mine", b"user's own")
    rig.write("file", b"content")
    with pytest.raises(Unsaved, match="rename it"):
        rig.push()
    assert rig.saved() == {"file": b"content"}
