"""Uploads of others that go on over several looks: the file in the data space grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from tests.unit.agent.histories.must_hold import MustHold
from tests.unit.agent.histories.web import Web


@dataclass
class Upload:
    """A file that somebody has open, wherever it is moved; `content` is there by now."""

    path: str
    stream: BinaryIO
    content: bytes


class Uploads(Web, MustHold):
    """What is owed is the whole, once it is there."""

    uploads: list[Upload]
    wholes: dict[str, bytes]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.uploads, self.wholes = [], {}

    def upload(self, path: str) -> None:
        """The first part of a new file."""
        target = self.web(path)
        if target.parent.is_dir() and not target.is_dir() and not target.is_symlink():
            self.gone_by_web(target)
            content = self.content("web")
            target.unlink(missing_ok=True)
            self.uploads.append(Upload(path, target.open("wb", buffering=0), content))
            self.uploads[-1].stream.write(content)

    def web_write(self, path: str) -> None:
        """Whoever writes a whole file there puts it in the place of one that is still open."""
        if any(upload.path == path for upload in self.uploads):
            self.web_delete(path)
        super().web_write(path)

    def upload_more(self) -> None:
        """Of the one that was begun first."""
        if self.uploads:
            part = self.content(" more")
            self.take(self.uploads[0].content)
            self.uploads[0].stream.write(part)
            self.uploads[0].content += part

    def upload_whole(self) -> None:
        """The last part; it is owed unless somebody has taken the file away meanwhile."""
        if self.uploads:
            self.upload_more()
            upload = self.uploads.pop(0)
            upload.stream.close()
            if upload.content in self.everything():
                self.owed.add(upload.content)
                self.wholes[upload.path] = upload.content

    def settle(self) -> None:
        super().settle()
        while self.uploads:
            self.upload_whole()

    def close(self) -> None:
        super().close()
        for upload in self.uploads:
            upload.stream.close()

    def check_same(self) -> None:
        """And nothing that was cut short has the good name of the whole."""
        super().check_same()
        found = self.look(self.there)
        stumps = [path for path, whole in self.wholes.items() if whole.startswith(found.get(path, b"-"))]
        kept = self.everything()  # a whole that people have taken away again may not have been seen
        stumps = [path for path in stumps if found[path] != self.wholes[path] and self.wholes[path] in kept]
        assert not stumps, f"only the beginning of {stumps} is under its name"
