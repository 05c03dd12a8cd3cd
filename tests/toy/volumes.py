"""Volumes that are folders: attached while there is a marker of it, as long as the host is up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloudify_scipion.adapters.commands import run
from cloudify_scipion.adapters.files import write_atomic
from cloudify_scipion.adapters.volume_preparation import remove_seal, seal_below
from cloudify_scipion.errors import PermanentError, VolumeBusy
from cloudify_scipion.lifecycle.facts import VolumeFacts
from cloudify_scipion.lifecycle.layout import AGENT_FOLDER, MARK, USER_FOLDER


class ToyVolumes:
    """The port Volumes: volumes/NAME/{tags.json, size, content/}."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def look(self, name: str) -> VolumeFacts:
        if not self.content(name).is_dir():
            return VolumeFacts(exists=False)
        size, tags = int((self._folder(name) / "size").read_text()), json.loads(self._tags(name).read_text())
        return VolumeFacts(True, size, self._marker(name).exists(), tags)

    def create(self, name: str, size_bytes: int, tags: Mapping[str, str]) -> bool:
        made = not self.content(name).exists()
        write_atomic(self._tags(name), json.dumps(dict(tags)).encode())
        if made:
            (self._folder(name) / "size").write_text(str(size_bytes))
            part = self._folder(name) / "part"
            shutil.rmtree(part, ignore_errors=True)
            for folder, mode in ((USER_FOLDER, 0o750), (AGENT_FOLDER, 0o700)):
                (part / folder).mkdir(mode, parents=True)
            mark = {"version": 1, "volume": name, "project": tags.get("project", "")}
            (part / MARK).write_text(json.dumps(mark))
            part.rename(self.content(name))
        return made

    def all(self) -> Mapping[str, VolumeFacts]:
        return {path.parent.name: self.look(path.parent.name) for path in sorted(self._root.glob("volumes/*/content"))}

    def tag(self, name: str, tags: Mapping[str, str]) -> bool:
        changed = self._existing(name).tags != dict(tags)
        write_atomic(self._tags(name), json.dumps(dict(tags)).encode())
        return changed

    def seal(self, name: str) -> Mapping[str, Any]:
        return seal_below(run, str(self.content(name))) if self.look(name).exists else {}

    def unseal(self, name: str) -> bool:
        if not self.look(name).attached:
            raise PermanentError(f"volume {name} is not mounted")
        return remove_seal(run, str(self.content(name)))

    def attach(self, name: str) -> None:
        self._existing(name)
        self._marker(name).parent.mkdir(parents=True, exist_ok=True)
        self._marker(name).touch()

    def detach(self, name: str) -> bool:
        if self.look(name).attached and self._users(name):
            raise VolumeBusy(f"volume {name} is in use by {', '.join(self._users(name))}")
        attached = self._marker(name).exists()
        self._marker(name).unlink(missing_ok=True)
        return attached

    def delete(self, name: str) -> bool:
        self.detach(name)
        was_there = self.content(name).exists()
        shutil.rmtree(self._folder(name), ignore_errors=True)
        return was_there

    def content(self, name: str) -> Path:
        """What lies on the volume."""
        return self._folder(name) / "content"

    def _users(self, name: str) -> list[str]:
        running = sorted(self._root.glob("run/machines/*"))
        return [path.name for path in running if name in json.loads(path.read_text())["volumes"]]

    def _existing(self, name: str) -> VolumeFacts:
        facts = self.look(name)
        if not facts.exists:
            raise PermanentError(f"volume {name} does not exist")
        return facts

    def _folder(self, name: str) -> Path:
        return self._root / "volumes" / name

    def _tags(self, name: str) -> Path:
        return self._folder(name) / "tags.json"

    def _marker(self, name: str) -> Path:
        return self._root / "run/volumes" / name
