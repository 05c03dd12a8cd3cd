"""A data space that is full for a while, or fails for one path for a while."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.errors import AgentError
from tests.unit.agent.histories.machines import Machines
from tests.unit.agent.odd_spaces import Manners, composed, refused
from tests.unit.agent.restored import restore_from_copy
from tests.unit.agent.rig import Rig

ERRORS = (errno.EIO, errno.EACCES, errno.EINVAL, errno.ENOSPC, errno.EROFS, errno.ESTALE, errno.EDQUOT,
          errno.ENAMETOOLONG, errno.EOVERFLOW)  # fmt: skip
OF_FILES = ("rename", "rename", "stat", "stat", "open", "open_with_facts", "unlink", "symlink", "readlink")
OF_FOLDERS = ("mkdir", "mkdir", "stat", "rename", "rmdir", "entries")

KINDS: dict[str, dict[str, Any]] = {
    "usual": {},
    "tiny trash": {},
    "case": {"fold": bytes.lower},
    "composed": {"fold": composed},
    "refusing": {"refuses": refused},
}


class Trouble(Machines):
    """Meanwhile works may fail, and a restore would not be whole; nothing may be lost."""

    manners: Manners
    trash_bytes = 0
    refused = False
    """Whether it ever said that it cannot hold a name."""

    def __post_init__(self) -> None:
        self.manners = Manners(self.folder / "space")
        super().__post_init__()

    def machine(self, name: str, **named: Any) -> Rig:
        return super().machine(name, trees=self.manners.tree, trash_bytes=self.trash_bytes, **named)

    def kind(self, name: str) -> None:
        """What the data space is like from the beginning, or the project's trash."""
        for field, value in KINDS[name].items():
            setattr(self.manners, field, value)
        self.rig.trash_bytes = self.trash_bytes = 30 if name == "tiny trash" else 0

    def web(self, path: str) -> Path:
        """Others cannot have a name there either that it refuses."""
        names = os.fsencode(path).split(b"/")
        plain = b"/".join(b"plain" if self.manners.refuses(name) else name for name in names)
        return self.there / os.fsdecode(self.manners.real(plain))

    def restored_from_copy(self, root: Path) -> Rig:
        """The copy is in a data space of the same kind."""
        kind = replace(self.manners, space=root.with_name(root.name + "-space"), quota=0, broken={})
        return restore_from_copy(replace(self.rig, trees=kind.tree), root, self.there)

    def unseen(self) -> set[str]:
        """And what it has in a folder that cannot be listed there."""
        there = (Path(path) for path in self.look(self.there))
        inside = {str(above) for path in there for above in (path, *path.parents)}
        broken = [os.fsdecode(path) + "/" for path in self.manners.broken]
        return super().unseen() | {path for path in inside if f"{path}/".startswith(tuple(broken))}

    def held(self, found: dict[str, bytes]) -> dict[str, bytes]:
        """What has another name there is compared by a restore."""
        return {} if self.manners.is_odd() or self.refused else super().held(found)

    def full(self, room: int) -> None:
        """So many bytes can still be written."""
        self.manners.quota = self.manners.used() + room
        self.may_fail = (*self.may_fail, AgentError)

    def broken(self, path: str, call: str, error: int) -> None:
        """That call fails for that path from now on."""
        self.manners.broken[os.fsencode(path)] = call, error
        self.refused |= error in (errno.EINVAL, errno.ENAMETOOLONG)
        self.may_fail = (*self.may_fail, AgentError)

    def push(self, kill: int) -> None:
        """One error costs the path that it belongs to and what is below it, and nothing else."""
        super().push(kill)
        if self.manners.broken and not (kill or self.manners.quota):
            everything = self.everything() | self.taken
            for path, content in self.here.items():
                mine = any(f"{path}/".startswith(f"{os.fsdecode(broken)}/") for broken in self.manners.broken)
                if not (mine or content.startswith((b"-> ", b"database", b"web database"))):
                    assert content in everything, f"{path!r} is not saved, for {self.manners.broken}"

    def _others(self) -> set[str]:
        """What cannot be listed comes to nobody's volume; it is safe where it is."""
        folders = {os.fsdecode(path) for path in self.manners.broken}
        below = {path for path in self.look(self.there) for folder in folders if f"{path}/".startswith(f"{folder}/")}
        return super()._others() | folders | below

    def mended(self) -> None:
        if self.manners.quota or self.manners.broken:
            self.manners.quota = 0
            self.manners.broken.clear()
            self.may_fail = tuple(kind for kind in self.may_fail if kind is not AgentError)
            self.work("pull", 0, lambda rig: rig.pull())

    def settle(self) -> None:
        super().settle()
        self.mended()
