"""What happens between two calls of the agent: nothing leads out of its trees, and no edit is missed."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.rig import Rig, contents, write


@contextlib.contextmanager
def swapping(folders: list[Path], outside: Path) -> Iterator[None]:
    """Each folder is a link to `outside`, again and again, while the agent works."""
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for folder in folders:
                away = folder.with_name(f"{folder.name}-away")
                with contextlib.suppress(OSError):
                    folder.rename(away)
                with contextlib.suppress(OSError):
                    folder.symlink_to(outside)
                time.sleep(0.0005)
                with contextlib.suppress(OSError):
                    folder.unlink()
                with contextlib.suppress(OSError):
                    away.rename(folder)
            time.sleep(0.0005)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def settle(rig: Rig, work: str) -> None:
    with contextlib.suppress(AgentError, OSError):
        getattr(rig, work)()


@pytest.mark.long
@pytest.mark.parametrize("side", ["here", "there"])
def test_folders_become_links(tmp_path: Path, side: str) -> None:
    rig = Rig(tmp_path / "volume", tmp_path / "space", workers=8)
    rig.pull()
    outside = tmp_path / "outside"
    for n in range(60):
        write(outside / f"f{n}", "secret")
        write(outside / f"deep/f{n}", "secret")
    before = contents(outside)
    top = rig.user if side == "here" else rig.space
    for n in range(60):
        rig.write(f"a/f{n}", "mine")
        rig.write(f"a/deep/f{n}", "mine")
    rig.push()
    with swapping([top / "a/deep", top / "a"], outside):
        for turn in range(12):
            for n in range(60):
                with contextlib.suppress(OSError):
                    if (rig.user / "a").is_symlink() or (rig.user / "a/deep").is_symlink():
                        continue
                    fd = os.open(rig.user / f"own{n}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
                    os.write(fd, f"mine {turn}".encode())
                    os.close(fd)
                web = rig.space / f"web{turn}-{n}"
                web.write_bytes(b"web")
            settle(rig, "push")
            settle(rig, "scan")
            assert contents(outside) == before
    for _ in range(3):
        settle(rig, "scan")
        settle(rig, "push")
    assert contents(outside) == before
    saved, local = contents(rig.space, hidden=True), rig.local()
    assert b"secret" not in set(saved.values()) | set(local.values())
    assert not [path for path in outside.rglob("*") if path.lstat().st_uid not in (os.getuid(),)]


def test_edited_between_the_pull_of_a_file_and_the_look_at_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "volume", tmp_path / "space")
    rig.web("a", b"there")
    old = write(tmp_path / "volume/user/aside", b"moved", age=9999)

    class Quick(Tree):
        """The user moves another file over a pulled one at once; it is older, and as long."""

        def stat(self, path: bytes) -> os.stat_result | None:
            if path == b"a" and old.exists() and (rig.user / "a").exists():
                old.rename(rig.user / "a")
            return super().stat(path)

    rig.trees = Quick
    rig.pull()
    rig.trees = Tree
    assert rig.local() == {"a": b"moved"}
    rig.push()
    assert rig.saved() == {"a": b"moved"}
    assert b"there" in rig.trash().values()


def test_changed_there_right_before_it_is_replaced(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "volume", tmp_path / "space")
    rig.pull()
    rig.write("a", b"one")
    rig.push()
    rig.write("a", b"two", age=10)

    class Late(Tree):
        def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
            if old == b"a":
                (rig.space / "a").write_bytes(b"web!")
            super().rename(old, new, replace)

    rig.trees = Late
    assert rig.push().conflicts == 1
    assert sorted(rig.saved().values()) == [b"two", b"web!"]


def test_a_young_file_there_is_read_again(tmp_path: Path) -> None:
    """Within the granularity of the data space's times it may change once more without a trace."""
    rig = Rig(tmp_path / "volume", tmp_path / "space")
    rig.clock.ahead = 0.0
    rig.pull()
    rig.write("a", b"one")
    rig.push()
    shutil.copy2(rig.space / "a", tmp_path / "as it was")
    when = time.time()
    rig.web("a", b"one", age=0)
    os.utime(rig.space / "a", (when, when))
    rig.scan()
    rig.web("a", b"web", age=0)
    os.utime(rig.space / "a", (when, when))
    rig.write("a", b"two", age=10)
    rig.push()
    assert set(rig.saved().values()) == {b"two", b"web"}
