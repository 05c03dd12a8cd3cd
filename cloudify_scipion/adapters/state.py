"""The state root: one folder per project with its record, keys and lock."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from cloudify_scipion.adapters.commands import as_root
from cloudify_scipion.adapters.files import make_private, parse, write_atomic
from cloudify_scipion.adapters.lock import Locks
from cloudify_scipion.adapters.ssh_keys import ensure_keys
from cloudify_scipion.errors import LaterFormat, PermanentError
from cloudify_scipion.lifecycle.facts import Keys, Place
from cloudify_scipion.lifecycle.record import FORMAT, Binding, Record, from_document, to_document

DEFAULT_ROOT = "/var/lib/cloudify-scipion"
VARIABLE = "CLOUDIFY_SCIPION_STATE"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What can be a project's or an installation's id here, whatever a blueprint or a command line says: it names a folder
and a lock."""


def state_root(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the state lies: $CLOUDIFY_SCIPION_STATE, or /var/lib/cloudify-scipion."""
    return Path(environment.get(VARIABLE) or DEFAULT_ROOT)


def check_owner(root: Path) -> None:
    """Raise PermanentError, with the command to use, for whoever may not read the state root: it is its owner's."""
    root = root.absolute()
    owner = _owner(root)
    if os.geteuid() not in (0, owner):
        raise PermanentError(f"the state folder {root} is {f'user {owner}' if owner else 'root'}'s", as_root())


def _owner(root: Path) -> int:
    """Whose the folder is, or will be; root's (0) where that may not be seen."""
    for folder in (root, *root.parents):
        try:
            return folder.stat().st_uid
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            break
    return 0


class ProjectFolders:
    """Implements the port Projects."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._locks = Locks()

    def installation(self) -> str:
        """The installation's id, made at the first call."""
        path = self._root / "installation"
        with self._locks.briefly(self._root / "installation.lock"):
            if not path.exists():
                write_atomic(path, secrets.token_hex(4).encode())
            found = path.read_text(encoding="utf-8", errors="replace")
        if not _ID.fullmatch(found):
            raise PermanentError(f"{path} holds no installation id: {found[:100]!r}", "restore it from a backup")
        return found

    def place(self) -> Place:
        """This host, and the state root."""
        return Place(socket.gethostname(), str(self._root.absolute()))

    def folder(self, project: str) -> Path:
        """The project's folder, made with mode 0700."""
        folder = self._record(project).parent
        make_private(folder)
        return folder

    def load(self, project: str) -> Record | None:
        """The project's record, or None."""
        path = self._record(project)
        try:
            document = parse(path.read_bytes())
            LaterFormat.refuse(document, path, FORMAT)
            record = from_document(document)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PermanentError(
                f"the project's record {path} is damaged: {error}", "restore it from a backup"
            ) from error
        if record.project != project:  # a copied folder: whoever believed it would act on the other's volume
            raise PermanentError(f"{path} is the record of project '{record.project}'", "move this folder away")
        return record

    def save(self, record: Record) -> None:
        """Write it atomically."""
        # in the order that it has: a workflow comes out as it went in
        text = json.dumps(to_document(record), indent=1, ensure_ascii=False)
        write_atomic(self._record(record.project), text.encode())
        self._ended(record.project).unlink(missing_ok=True)

    def ids(self) -> Sequence[str]:
        """The names of the folders that hold a record."""
        return [path.parent.name for path in sorted((self._root / "projects").glob("*/project.json"))]

    def readable(self) -> Iterator[Record]:
        """Every record but damaged ones, which are in nobody else's way."""
        for project in self.ids():
            with suppress(PermanentError):
                if record := self.load(project):
                    yield record

    def of_deployment(self, binding: Binding) -> Sequence[Record]:
        """The records bound to a deployment; one that is damaged is passed over."""
        return [record for record in self.readable() if record.binding == binding]

    def forget(self, project: str) -> None:
        """Remove the project's folder. The record goes first: what is left after a crash is no project."""
        if record := self.load(project):
            write_atomic(self._ended(project), json.dumps(asdict(record.binding)).encode())
        self._record(project).unlink(missing_ok=True)
        shutil.rmtree(self._record(project).parent, ignore_errors=True)

    def was_ended(self, project: str, binding: Binding) -> bool:
        """Whether the project's record was that deployment's when it was forgotten, and none came after it."""
        if not _ID.fullmatch(project):
            return False
        try:
            ended = Binding(**parse(self._ended(project).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return False
        return ended == binding and not self._record(project).exists()

    def keep(self, project: str, name: str, text: str) -> None:
        """Keep a text beside the record, if it is not there already."""
        if self.kept(project, name) != text:
            write_atomic(self._record(project).parent / name, text.encode())

    def kept(self, project: str, name: str) -> str:
        """A text that was kept, empty if there is none."""
        path = self._record(project).parent / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def hold_lock(self, project: str, purpose: str) -> None:
        """Hold the project's lock until this process ends. Raises ProjectBusy naming the holder."""
        self._locks.hold(self._root / "locks" / checked_id(project), project, purpose)

    def keys(self, project: str) -> Keys:
        """The project's SSH keys, made at the first call."""
        return ensure_keys(self.folder(project) / "ssh")

    def _ended(self, project: str) -> Path:
        return self._root / "ended" / f"{checked_id(project)}.json"

    def _record(self, project: str) -> Path:
        return self._root / "projects" / checked_id(project) / "project.json"


def checked_id(project: str) -> str:
    """The project's id; PermanentError if it would lead out of the folder of projects."""
    if not _ID.fullmatch(project):
        raise PermanentError(f"{project!r} is not a project id", "look for a typing error")
    return project
