"""What is kept of a machine on disk: its record (no secret in it) and its folders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cloudify_scipion.adapters.files import write_atomic
from cloudify_scipion.lifecycle.ports import MachineSpec


@dataclass(frozen=True)
class MachineRecord:
    """machine.json. `capturing` is set while the machine's changes are about to become the layer of that digest."""

    hostname: str
    tags: Mapping[str, str] = field(default_factory=dict)
    layer: str | None = None
    capturing: str | None = None
    base: str = ""


class MachineFolder:
    """machines/NAME below the state root, and what is called after it outside: control groups."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
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
        """The record, or None if there is no (readable) one."""
        try:
            facts = json.loads((self.path / "machine.json").read_text())
            return MachineRecord(**facts)
        except (OSError, ValueError, TypeError):
            return None

    def write(self, record: MachineRecord) -> None:
        """Replace the record."""
        write_atomic(self.path / "machine.json", json.dumps(asdict(record), indent=1).encode())

    def complete(self) -> bool:
        """Whether record and changes are there: nobody took parts of the machine away."""
        record = self.record()
        return record is not None and (self.upper.is_dir() or record.capturing is not None)

    def make(self, spec: MachineSpec, base: str) -> None:
        """Make folders and record; the record last, because it says that the rest is there."""
        for folder, mode in ((self.path, 0o700), (self.upper, 0o755), (self.downloads, 0o755)):
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
            folder.chmod(mode)
        self.write(MachineRecord(spec.hostname, dict(spec.tags), spec.layer, None, base))


def machine_folders(root: Path) -> Iterator[MachineFolder]:
    """All machines that have a folder."""
    parent = root / "machines"
    names = sorted(entry.name for entry in parent.iterdir() if entry.is_dir()) if parent.is_dir() else []
    return (MachineFolder(root, name) for name in names)
