"""Going back in time: the data space from a backup, the volume from a snapshot, a second machine from the same one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from cloudify_scipion.agent.errors import AgentError
from tests.unit.agent.histories.machines import Machines
from tests.unit.agent.rig import Rig, write


class GoingBack(Machines):
    """What is copied is used from then on, so that what comes back has the inodes and times that it had."""

    backup: Path | None
    volume: Rig | None
    fork: Rig | None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.backup = self.volume = self.fork = None

    def keep_space(self) -> None:
        """A backup of the data space is made."""
        if self.backup:
            shutil.rmtree(self.backup)
        self.backup = self.folder / "backup"
        shutil.copytree(self.there, self.backup, symlinks=True)

    def space_back(self) -> None:
        """It is restored from that; what was there alone goes with whoever does it, and all else is saved again."""
        if self.backup:
            shutil.rmtree(self.there)
            shutil.copytree(self.backup, self.there, symlinks=True)
            self.owed &= self.everything()
            self.taken -= self.everything()
            self._repaired()

    def keep_volume(self) -> None:
        """A snapshot of the volume is taken while the machine stands."""
        if self.fork is None:
            self.end()
            self.volume, self.rig = self.rig, self._copy("kept")

    def volume_back(self) -> None:
        """Volume and machine are as they were then, and begin with a push or with a repair."""
        if self.volume and self.fork is None:
            self.end()
            self.volume.clock.boot_id += "+"
            self.rig, self.volume, self.kept = self.volume, None, None
            self.here = self.look(self.rig.user)
            if self.rig.generation < self.machines:  # another machine came since: a new one takes over from that
                self.replace(True, 0)

    def forked(self) -> None:
        """The machine is cloned while it runs; both think that they have the lease."""
        if self.fork is None:
            self.fork = self._copy("fork")

    def fork_saves(self, path: str) -> None:
        """If it can, that is owed, too."""
        if self.fork and not (self.fork.user / path).is_dir() and (self.fork.user / path).parent.is_dir():
            content = self.content("fork")
            (self.fork.user / path).unlink(missing_ok=True)
            write(self.fork.user / path, content)
            saved, hour = self.live_there(), self.fork.clock.hour()
            try:
                self.fork.push()
            except AgentError:
                return
            finally:
                self._replaced(saved, {hour, self.fork.clock.hour()})
            self.owed.add(content)

    def superseded(self, content: bytes, found: bytes | None) -> bool:
        """A user's version that somebody has taken out of the data space before the clone's user wrote another; or a
        clone's own, of which the trash has kept an earlier one of that hour."""
        given_up = content in self.taken or (content.startswith(b"fork") and content not in self.owed)
        return given_up and content.startswith((b"user", b"fork")) and (found or b"").startswith(b"fork")

    def _copy(self, name: str) -> Rig:
        self.machines += 1
        root = self.folder / f"{name}-{self.machines}"
        shutil.copytree(self.rig.root, root, symlinks=True)
        return replace(self.rig, root=root, clock=replace(self.rig.clock))

    def settle(self) -> None:
        super().settle()
        if self.fork:
            self.fork = None
            self.replace(True, 0)  # whoever had the lease: somebody repairs the project

    def _repaired(self) -> None:
        self.work("pull", 0, lambda rig: rig.pull())
