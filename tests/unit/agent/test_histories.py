"""Long random histories of a user, the data space's web pages, machines that die and agents that are killed.

In the end, whatever anybody gave a path last is in the data space, its trash, or a conflict's copy; and the agent has
never changed or removed anything in a working copy.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.work import push
from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.rig import Rig, contents, write

FOLDERS = ("", "a", "b", "a/c")
NAMES = ("x", "y", "z sp", "w\n", "ü", "o\udcff", "n" * 255)
PATHS = tuple(f"{folder}/{name}".lstrip("/") for folder in FOLDERS for name in NAMES)

paths = st.sampled_from(PATHS)
kill = st.one_of(st.just(0), st.integers(1, 60))
steps = st.one_of(
    st.tuples(st.just("write"), paths),
    st.tuples(st.just("write"), paths),
    st.tuples(st.just("append"), paths),
    st.tuples(st.just("delete"), paths),
    st.tuples(st.just("rename"), paths, paths),
    st.tuples(st.just("move_folder"), st.sampled_from(FOLDERS[1:]), st.sampled_from(("b", "d", "a/e", "f"))),
    st.tuples(st.just("link"), paths),
    st.tuples(st.just("hardlink"), paths, paths),
    st.tuples(st.just("clear"), st.sampled_from(FOLDERS)),
    st.tuples(st.just("web_write"), paths),
    st.tuples(st.just("web_delete"), paths),
    st.tuples(st.just("web_rename"), paths, paths),
    st.tuples(st.just("swap"), paths, paths),
    st.tuples(st.just("web_link"), paths),
    st.tuples(st.just("web_clear"), st.sampled_from(FOLDERS[1:]), st.booleans()),
    st.tuples(st.just("race"), paths, st.integers(1, 30)),
    st.tuples(st.just("seal"), kill),
    st.tuples(
        st.just("snapshot"),
    ),
    st.tuples(
        st.just("rollback"),
    ),
    st.tuples(st.just("jump"), st.sampled_from((-100_000.0, -60.0, 86_400.0))),
    st.tuples(st.just("push"), kill),
    st.tuples(st.just("push"), kill),
    st.tuples(st.just("scan"), kill),
    st.tuples(st.just("answer"), st.sampled_from(("delete", "restore"))),
    st.tuples(
        st.just("reboot"),
    ),
    st.tuples(st.just("replace"), st.booleans(), kill),
    st.tuples(st.just("zombie"), kill),
    st.tuples(st.just("pass"), st.sampled_from((1.0, 300.0, 4000.0))),
)


@dataclass
class History:
    """`here`: what the working copy must hold, of its user and pulled; `owed`: what must not be lost.

    `taken`: what somebody has replaced or deleted in the data space on purpose.
    """

    folder: Path
    rig: Rig = field(init=False)
    count: int = 0
    machines: int = 1
    here: dict[str, bytes] = field(default_factory=dict)
    owed: set[bytes] = field(default_factory=set)
    saved: dict[str, bytes] = field(default_factory=dict)
    taken: set[bytes] = field(default_factory=set)
    trashed: dict[str, bytes] = field(default_factory=dict)
    kept: tuple[Path, bytes] | None = None
    zombies: list[Rig] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.there = self.folder / "space"
        self.rig = self.machine("v1")

    def machine(self, name: str, **named: Any) -> Rig:
        return Rig(self.folder / name, self.there, workers=1, **named)

    def content(self, who: str) -> bytes:
        self.count += 1
        return f"{who}-{self.count}".encode()

    # what people do

    def write(self, path: str) -> None:
        if self._free(path):
            self.here[path] = self.content("user")
            (self.rig.user / path).unlink(missing_ok=True)
            write(self.rig.user / path, self.here[path])
            self._overwritten(path)

    def append(self, path: str) -> None:
        target = self.rig.user / path
        if target.is_file() and not target.is_symlink():
            facts = target.stat()
            with target.open("ab") as stream:
                stream.write(self.content("+"))
            for other, content in list(self.here.items()):
                same = self.rig.user / other
                if not content.startswith(b"-> ") and same.stat().st_ino == facts.st_ino:
                    self.here[other] = target.read_bytes()
                    self._overwritten(other)

    def delete(self, path: str) -> None:
        if path in self.here:
            (self.rig.user / path).unlink()
            del self.here[path]

    def rename(self, old: str, new: str) -> None:
        if old in self.here and old != new and self._free(new):
            (self.rig.user / new).parent.mkdir(parents=True, exist_ok=True)
            same = new in self.here and os.path.samestat(os.lstat(self.rig.user / old), os.lstat(self.rig.user / new))
            (self.rig.user / old).rename(self.rig.user / new)
            if not same:  # rename(2) does nothing for two names of one file
                self._overwritten(new)
                self.here[new] = self.here.pop(old)
                self._moved(old, new)

    def move_folder(self, old: str, new: str) -> None:
        source, target = self.rig.user / old, self.rig.user / new
        if source.is_dir() and not target.exists() and self._free(new) and not (new + "/").startswith(old + "/"):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
            for path in [path for path in self.here if path.startswith(old + "/")]:
                moved = new + path[len(old) :]
                self.here[moved] = self.here.pop(path)
                self._moved(path, moved)

    def swap(self, one: str, two: str) -> None:
        if one in self.here and two in self.here and one != two:
            first, second, aside = self.rig.user / one, self.rig.user / two, self.rig.root / "aside"
            first.rename(aside)
            second.rename(first)
            aside.rename(second)
            for path in (one, two):
                self._overwritten(path)
                self.saved.pop(path, None)
            self.here[one], self.here[two] = self.here[two], self.here[one]

    def link(self, path: str) -> None:
        if self._free(path) and path not in self.here:
            (self.rig.user / path).parent.mkdir(parents=True, exist_ok=True)
            (self.rig.user / path).symlink_to(f"to {self.count}")
            self.here[path] = f"-> to {self.count}".encode()

    def hardlink(self, old: str, new: str) -> None:
        source = self.rig.user / old
        if source.is_file() and not source.is_symlink() and self._free(new) and new not in self.here:
            (self.rig.user / new).parent.mkdir(parents=True, exist_ok=True)
            os.link(source, self.rig.user / new)
            self.here[new] = self.here[old]

    def clear(self, folder: str) -> None:
        inside = [path for path in self.here if path.startswith(folder + "/") or not folder]
        for path in inside:
            self.delete(path)
        if folder and (self.rig.user / folder).is_dir():
            shutil.rmtree(self.rig.user / folder)

    def web_write(self, path: str) -> None:
        target = self.there / path
        if any(parent.is_file() or parent.is_symlink() for parent in list(target.parents)[:4]) or target.is_dir():
            return
        self._gone_by_web(target)
        if target.is_symlink():
            target.unlink()
        content = self.content("web")
        write(target, content)
        self.owed.add(content)

    def web_link(self, path: str) -> None:
        target = self.there / path
        if target.parent.is_dir() and (target.is_symlink() or not target.is_dir()):
            self._gone_by_web(target)
            target.unlink(missing_ok=True)
            content = self.content("web")
            target.symlink_to(content.decode())
            self.owed.add(b"-> " + content)

    def web_clear(self, folder: str, file: bool) -> None:
        """A whole folder is taken away there; perhaps a file takes its place."""
        target = self.there / folder
        if target.is_dir() and not target.is_symlink():
            for inside in target.rglob("*"):
                self._gone_by_web(inside)
            shutil.rmtree(target)
            if file:
                self.web_write(folder)

    def web_delete(self, path: str) -> None:
        target = self.there / path
        if target.is_file() or target.is_symlink():
            self._gone_by_web(target)
            target.unlink()

    def web_rename(self, old: str, new: str) -> None:
        source, target = self.there / old, self.there / new
        if source.is_file() and target.parent.is_dir() and not target.is_dir() and old != new:
            self._gone_by_web(target)
            source.rename(target)

    # what the service does

    def push(self, kill: int) -> None:
        self._work("push", kill, lambda rig: rig.push())

    def scan(self, kill: int) -> None:
        self._work("scan", kill, lambda rig: rig.scan())

    def answer(self, word: str) -> None:
        if "deletions" in self.rig.questions():
            self.rig.answer("deletions", word)

    def reboot(self) -> None:
        self.rig.clock.boot_id += "'"

    def replace(self, same_volume: bool, kill: int) -> None:
        """The machine dies, and its user's work since the last save with it unless the volume is there."""
        old, self.machines = self.rig, self.machines + 1
        name = f"m{self.machines}"
        clock = replace(old.clock, boot_id=name)
        if same_volume:
            self.rig = replace(old, machine=name, generation=self.machines, clock=clock)
        else:
            self.zombies.append(old)
            self.rig = self.machine(name, machine=name, generation=self.machines, clock=clock)
            self.here, self.saved = {}, {}
        self._work("pull", kill, lambda rig: rig.pull())
        if kill:
            self._work("pull", 0, lambda rig: rig.pull())

    def zombie(self, kill: int) -> None:
        """A machine that was thought dead wakes up and saves; nothing that it has may do harm."""
        if self.zombies:
            rig = self.zombies[-1]
            write(rig.user / "x", self.content("zombie"))
            try:
                rig.push()
            except AgentError:
                return
            raise AssertionError("a machine without the lease has pushed")

    def pass_(self, seconds: float) -> None:
        self.rig.clock.pass_time(seconds)

    def jump(self, seconds: float) -> None:
        """The clock is set."""
        self.rig.clock.ahead += seconds

    def race(self, path: str, at: int) -> None:
        """Somebody writes there in the middle of a push."""
        reaper = Reaper()

        def meanwhile(_: str) -> None:
            if reaper.count == at:
                self.web_write(path)

        reaper.before = meanwhile
        self._work("push", 0, lambda rig: replace(rig, trees=reaper.tree).push())
        self.owed -= self.taken

    def seal(self, kill: int) -> None:
        """If it can be made, everything is there; then the project is used again all the same."""
        try:
            self._work("seal", kill, lambda rig: rig.seal())
        except AgentError:
            assert not (self.rig.state / "seal.json").exists()
        if (self.rig.state / "seal.json").exists():
            saved, local = contents(self.there), self.rig.local()
            assert {path: saved.get(path) for path in local} == local
            self._all_saved()
            (self.rig.state / "seal.json").unlink()
        self._work("pull", 0, lambda rig: rig.pull())

    def snapshot(self) -> None:
        self.kept = None
        if (self.rig.state / "index.sqlite").exists():
            self.kept = self.rig.state, (self.rig.state / "index.sqlite").read_bytes()

    def rollback(self) -> None:
        """The index is an older copy; then the project is repaired."""
        if self.kept and self.kept[0] == self.rig.state:
            (self.rig.state / "index.sqlite").write_bytes(self.kept[1])
            for end in ("-wal", "-shm"):
                (self.rig.state / f"index.sqlite{end}").unlink(missing_ok=True)
            self._work("pull", 0, lambda rig: rig.pull())

    # what must hold

    def run(self, step: tuple[object, ...]) -> None:
        name, *arguments = step
        getattr(self, "pass_" if name == "pass" else str(name))(*arguments)
        self.check_untouched(str(step))

    def check_untouched(self, after: str) -> None:
        """The agent may add to the working copy; it never changes or removes."""
        local = self.rig.local()
        for path, content in self.here.items():
            assert local.get(path) == content, f"{path!r} is {local.get(path)!r} after {after}"
        if not self.zombies or self.rig is not self.zombies[-1]:
            self.here.update({path: content for path, content in local.items() if path not in self.here})

    def finish(self) -> None:
        for _ in range(3):
            if "deletions" in self.rig.questions():
                self.rig.answer("deletions", "delete")
            self._work("scan", 0, lambda rig: rig.scan())
            self._work("push", 0, lambda rig: rig.push())
            self.check_untouched("the end")
        everything = set(contents(self.there, hidden=True).values())
        lost = {content for content in self.owed if content not in everything}
        assert not lost, f"lost: {lost}"
        self.check_same()
        with self.rig.world() as world:
            assert push.push(world, everything=True).files == 0
        self.check_same()
        assert self.rig.verify_all().wrong == []

    def check_same(self) -> None:
        """Both sides have the same."""
        assert contents(self.there) == self.rig.local()

    def _work(self, name: str, kill: int, work: object) -> None:
        reaper = Reaper(kill)
        rig = replace(self.rig, trees=reaper.tree, indexes=reaper.index) if kill else self.rig
        try:
            result = work(rig)  # type: ignore[operator]
        except Killed:
            return
        finally:
            self._pulled()
        if name == "push" and not result.held:
            self._all_saved()

    def _pulled(self) -> None:
        """What the agent has brought is there already: a push has nothing to do with it."""
        new = {path: content for path, content in self.rig.local().items() if path not in self.here}
        self.here.update(new)
        self.saved.update(new)

    def _all_saved(self) -> None:
        for path, content in self.here.items():
            if not content.startswith(b"-> ") and self.saved.get(path) != content and content not in self.taken:
                self.owed.add(content)
        self.trashed |= {path: content for path, content in self.saved.items() if path not in self.here}
        self.saved = dict(self.here)

    def _overwritten(self, path: str) -> None:
        """Of two contents that a user gives one path, the trash keeps the later; of others' it keeps all."""
        for known in (self.saved, self.trashed):
            old = known.get(path, b"web")
            if not old.startswith(b"web"):
                self.owed.discard(old)

    def _moved(self, old: str, new: str) -> None:
        if old in self.saved:
            self.saved[new] = self.saved.pop(old)

    def _gone_by_web(self, target: Path) -> None:
        """Somebody takes it away on purpose; what is in the working copy is saved again."""
        if target.is_symlink():
            self._taken(b"-> " + os.fsencode(target.readlink()))
        elif target.is_file():
            self._taken(target.read_bytes())

    def _taken(self, content: bytes) -> None:
        self.owed.discard(content)
        self.taken.add(content)

    def _free(self, path: str) -> bool:
        """Whether a file can be at that path: no file is where a folder is needed, no folder where the file is."""
        target = self.rig.user / path
        above = list(target.parents)[: len(Path(path).parts) - 1]
        blocked = any(parent.is_symlink() or parent.is_file() for parent in above)
        return not blocked and (target.is_symlink() or not target.is_dir())


MEMORY = "/dev/shm"
EXAMPLES = int(os.environ.get("HISTORIES", "500"))
"""So many of the same histories at every run; another number takes others each time (`make soak`)."""


@pytest.mark.long
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 500, suppress_health_check=list(HealthCheck),
    print_blob=True,
)  # fmt: skip
@given(st.lists(steps, min_size=30, max_size=45))
def test_nothing_is_ever_lost(history: list[tuple[object, ...]]) -> None:
    writable = mock.patch("cloudify_scipion.agent.work.seal._must_be_read_only", new=lambda _: None)
    with writable, tempfile.TemporaryDirectory(dir=MEMORY if Path(MEMORY).is_dir() else None) as folder:
        world = History(Path(folder))
        world.rig.pull()
        for step in history:
            world.run(step)
        world.finish()
