"""What the user does in the working copy."""

from __future__ import annotations

import os
import shutil

from tests.unit.agent.histories.books import Books
from tests.unit.agent.rig import write


class People(Books):
    """Files, links, names of one file, folders."""

    def write(self, path: str) -> None:
        if self.free(path):
            (self.rig.user / path).unlink(missing_ok=True)
            write(self.rig.user / path, self.content("user"))

    def append(self, path: str) -> None:
        target = self.rig.user / path
        if target.is_file() and not target.is_symlink():
            with target.open("ab") as stream:
                stream.write(self.content("+"))

    def delete(self, path: str) -> None:
        if path in self.here:
            (self.rig.user / path).unlink()

    def rename(self, old: str, new: str) -> None:
        if old in self.here and old != new and self.free(new):
            (self.rig.user / new).parent.mkdir(parents=True, exist_ok=True)
            (self.rig.user / old).rename(self.rig.user / new)

    def move_folder(self, old: str, new: str) -> None:
        source, target = self.rig.user / old, self.rig.user / new
        if source.is_dir() and not target.exists() and self.free(new) and not (new + "/").startswith(old + "/"):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)

    def swap(self, one: str, two: str) -> None:
        if one in self.here and two in self.here and one != two:
            first, second, aside = self.rig.user / one, self.rig.user / two, self.rig.root / "aside"
            first.rename(aside)
            second.rename(first)
            aside.rename(second)

    def link(self, path: str) -> None:
        if self.free(path) and path not in self.here:
            (self.rig.user / path).parent.mkdir(parents=True, exist_ok=True)
            (self.rig.user / path).symlink_to(f"to {self.count}")

    def hardlink(self, old: str, new: str) -> None:
        source = self.rig.user / old
        if source.is_file() and not source.is_symlink() and self.free(new) and new not in self.here:
            (self.rig.user / new).parent.mkdir(parents=True, exist_ok=True)
            os.link(source, self.rig.user / new)

    def clear(self, folder: str) -> None:
        inside = [path for path in self.here if path.startswith(folder + "/") or not folder]
        for path in inside:
            self.delete(path)
        if folder and (self.rig.user / folder).is_dir():
            shutil.rmtree(self.rig.user / folder)

    def folder_made(self, path: str) -> None:
        """It may stay empty."""
        if self.free(path) and path not in self.here:
            (self.rig.user / path).mkdir(parents=True, exist_ok=True)

    def mode(self, path: str, mode: int) -> None:
        """Of a file or of a folder."""
        target = self.rig.user / path
        if target.exists() and not target.is_symlink():
            target.chmod(mode)

    def time(self, path: str, nanoseconds: int) -> None:
        """Somebody sets it, as `cp -p` and `tar` do."""
        target = self.rig.user / path
        if target.is_file() and not target.is_symlink():
            os.utime(target, ns=(nanoseconds, nanoseconds))
