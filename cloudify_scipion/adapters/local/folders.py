"""What is kept of a machine on disk: its record (no secret in it) and its folders."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cloudify_scipion.adapters.files import make_private, parse, write_atomic
from cloudify_scipion.adapters.local.tree import refuse_mounts, remove_tree
from cloudify_scipion.errors import LaterFormat, PermanentError
from cloudify_scipion.lifecycle.facts import MachineSpec

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class MachineRecord:
    """machine.json. `capturing` is set while the machine's changes are about to become the layer of that digest."""

    hostname: str
    tags: Mapping[str, str] = field(default_factory=dict)
    layer: str | None = None
    capturing: str | None = None
    base: str = ""


def checked_name(name: str) -> str:
    """The name of a machine or volume, which becomes a file name; PermanentError if it cannot."""
    if not _NAME.fullmatch(name):
        raise PermanentError(f"{name!r} cannot name a machine or volume: letters, digits, '.', '_' and '-' only")
    return name


class MachineFolder:
    """machines/NAME below the state root, and what is called after it outside: control groups."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = checked_name(name)
        self.path = root / "machines" / name
        self.upper = self.path / "upper"
        self.downloads = self.path / "downloads"
        self._root = root

    @property
    def identity(self) -> str:
        """A name on this host that no machine of another state root has, at most 50 characters."""
        facts = self._root.stat()
        digest = hashlib.sha256(f"{facts.st_dev}:{facts.st_ino}:{self.name}".encode()).hexdigest()[:10]
        readable = "".join(letter if letter.isalnum() else "-" for letter in self.name.lower())[:39].strip("-")
        return f"{readable}-{digest}"

    def record(self) -> MachineRecord | None:
        """The record, or None if there is no (readable) one. Raises LaterFormat."""
        path = self.path / "machine.json"
        try:
            facts = parse(path.read_text())
            LaterFormat.refuse(facts, path)
            return MachineRecord(**{key: facts[key] for key in MachineRecord.__dataclass_fields__ if key in facts})
        except (OSError, ValueError, TypeError):
            return None

    def write(self, record: MachineRecord) -> None:
        """Replace the record."""
        write_atomic(self.path / "machine.json", json.dumps(asdict(record), indent=1).encode())

    def whole(self) -> MachineRecord | None:
        """The record of a machine whose disk is there; None if somebody took parts of it away.

        A machine that stands on a layer, or is becoming one, may have no changes of its own yet.
        """
        record = self.record()
        on_layer = record is not None and (record.layer or record.capturing)
        return record if on_layer or self.upper.is_dir() else None

    def make(self, spec: MachineSpec, base: str) -> None:
        """Make folders and record; the record last, because it says that the rest is there."""
        make_private(self.path)
        self.make_folders()
        self.write(MachineRecord(spec.hostname, dict(spec.tags), spec.layer, None, base))

    def make_folders(self) -> None:
        """Make the folders that become the container's, if they are not there; open to its users."""
        for folder in (self.upper, self.downloads):
            if not folder.is_dir():
                folder.mkdir()
                folder.chmod(0o755)

    def remove(self) -> bool:
        """Remove the stopped machine's folder, record first: what is half removed is no machine. True if it was there.

        Raises PermanentError, nothing removed, if something is mounted in it.
        """
        refuse_mounts(self.path)
        (self.path / "machine.json").unlink(missing_ok=True)
        return remove_tree(self.path)


def machine_folders(root: Path) -> Iterator[MachineFolder]:
    """All machines that have a folder."""
    parent = root / "machines"
    names = sorted(entry.name for entry in parent.iterdir() if entry.is_dir()) if parent.is_dir() else []
    return (MachineFolder(root, name) for name in names)
