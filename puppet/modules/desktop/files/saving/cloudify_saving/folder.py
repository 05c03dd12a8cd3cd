"""Where the agent and the user meet: the agent writes `status.json`, the user's wishes go to `requests/`."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from cloudify_saving.status import Question, Status, parse_status
from cloudify_saving.versions import Version, parse_versions

RUN = "/run/scipion-data"
_MOST = 1 << 20
"""Characters of a file that are read: it has a few thousand."""


class NotTaken(Exception):
    """A wish that could not be handed on, in words for the user."""


@dataclass(frozen=True)
class Folder:
    """The agent's folder; `CLOUDIFY_SAVING_RUN` names another one."""

    path: Path

    @classmethod
    def known(cls) -> Folder:
        """The folder of this machine."""
        return cls(Path(os.environ.get("CLOUDIFY_SAVING_RUN", RUN)))

    def agent(self) -> bool:
        """Whether anything on this machine saves."""
        return self.path.is_dir()

    def status(self) -> Status | None:
        """What the agent last said, and what it is doing; None if it said nothing yet."""
        return parse_status(self._text("status.json"), self._text("progress.json"))

    def _text(self, name: str) -> str:
        try:
            with (self.path / name).open(encoding="utf-8", errors="replace") as file:
                return file.read(_MOST)
        except OSError:
            return ""

    def answer(self, question: Question, word: str) -> None:
        """Hand the user's answer on, complete or not at all, and have the agent look at it now."""
        if word not in question.answers:
            raise ValueError(word)
        part = self.path / "requests" / f".answer-{question.id}.{os.getpid()}"
        try:
            part.write_text(f"{word} {question.number}" if question.number else word, encoding="utf-8")
            part.replace(part.with_name(f"answer-{question.id}"))
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise NotTaken(f"Your answer could not be handed on: {error.strerror}") from error
        self.save_now()

    def versions(self) -> list[Version]:
        """What lies in the trash, newest first, as the agent has last listed it."""
        try:
            return parse_versions((self.path / "trash.json").read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return []

    def restore(self, version: Version) -> None:
        """Have the agent bring a version back."""
        name = f"restore-{os.urandom(6).hex()}"
        part = self.path / "requests" / f".{name}"
        try:
            part.write_bytes(os.fsencode(version.name))
            part.replace(part.with_name(name))
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise NotTaken(f"Your wish could not be handed on: {error.strerror}") from error
        self.save_now()

    def save_now(self) -> None:
        """Ask the agent to save; asking twice is asking once."""
        try:
            (self.path / "requests/push").touch()
        except OSError as error:
            raise NotTaken(f"Nothing on this machine takes the wish to save: {error.strerror}") from error
