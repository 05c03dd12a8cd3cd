"""What others do in the data space's web pages."""

from __future__ import annotations

import shutil

from tests.unit.agent.histories.books import Books
from tests.unit.agent.rig import write


class Web(Books):
    """They write, delete and rename as they like, at any time."""

    def web_write(self, path: str) -> None:
        target = self.web(path)
        if any(parent.is_file() or parent.is_symlink() for parent in list(target.parents)[:4]) or target.is_dir():
            return
        self.gone_by_web(target)
        if target.is_symlink():
            target.unlink()
        content = self.content("web")
        write(target, content)
        self.owed.add(content)

    def web_link(self, path: str) -> None:
        target = self.web(path)
        if target.parent.is_dir() and (target.is_symlink() or not target.is_dir()):
            self.gone_by_web(target)
            target.unlink(missing_ok=True)
            content = self.content("web")
            target.symlink_to(content.decode())
            self.owed.add(b"-> " + content)

    def web_clear(self, folder: str, file: bool) -> None:
        """A whole folder is taken away there; perhaps a file takes its place."""
        target = self.web(folder)
        if target.is_dir() and not target.is_symlink():
            for inside in target.rglob("*"):
                self.gone_by_web(inside)
            shutil.rmtree(target)
            if file:
                self.web_write(folder)

    def web_delete(self, path: str) -> None:
        target = self.web(path)
        if target.is_file() or target.is_symlink():
            self.gone_by_web(target)
            target.unlink()

    def web_rename(self, old: str, new: str) -> None:
        source, target = self.web(old), self.web(new)
        if source.is_file() and target.parent.is_dir() and not target.is_dir() and old != new:
            self.gone_by_web(target)
            source.rename(target)
