"""What outlives an upgrade, as each version wrote it: folders named by year and month, committed as they are.

They were made by the code of their time: a demo installed on fakes, the agent's works on a volume and a data space in
plain folders. A format that changes gets another folder beside them; none is ever changed.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent
KEPT = tuple(sorted(path for path in FOLDER.iterdir() if path.is_dir() and path.name[:2] == "20"))
"""A folder for each month in which a format was kept."""
FORMATS: Mapping[str, tuple[str, ...]] = {
    "record": ("state/projects/*/project.json",),
    "lock file": (
        "state/projects/*/software.lock.json", "state/projects/*/asked.lock.json",
        "state/cache/layers/*/software.lock.json",
    ),
    "modules of authors": ("state/projects/*/modules-*.json",),
    "end of a project": ("state/ended/*.json",),
    "installation id": ("state/installation",),
    "machine": ("state/machines/*/machine.json",),
    "downloads of a machine": ("state/machines/*/downloads.json",),
    "tags of a volume": ("state/volumes/*.json",),
    "place of the volumes": ("state/volumes.place", "state/volumes/.place"),
    "layer": ("state/cache/layers/*/meta.json",),
    "base system": ("state/cache/base/*/meta.json",),
    "mark of a volume": ("volume/volume.json",),
    "index": ("volume/agent/index.sqlite",),
    "results": ("volume/agent/results/*.json", "volume/agent/status.json", "volume/agent/pulled"),
    "seal": ("sealed/seal.json",),
    "mark of a data space": ("space/.cloudify-scipion/space.json",),
    "lease": ("space/.cloudify-scipion/lease/*",),
    "manifest": ("space/.cloudify-scipion/manifest/*",),
    "trash": ("space/.cloudify-scipion/trash/*/*",),
    "agent's configuration": ("machine/etc/scipion-data/config.json",),
    "memory of Puppet runs": ("machine/var/lib/cloudify-scipion/applied/*/*",),
    "rendered folder": ("rendered/*", "rendered/*/*", "rendered/*/*/*"),
    "what a deployment has made": ("cloudify/runtime_properties.json",),
    "memory of a workflow": ("scipion/.workflow.json", "scipion/.workflow.begun"),
}  # fmt: skip
"""The rows of the table in docs/developer.md, and where their files are kept."""
EMPTY = ("volume/agent/tmp", "space/.cloudify-scipion/tmp", "space/.cloudify-scipion/odd")


def files(folder: Path, name: str) -> list[Path]:
    """The kept files of one format."""
    return sorted(path for pattern in FORMATS[name] for path in folder.glob(pattern) if path.is_file())


def one(folder: Path, name: str) -> Path:
    """The kept file of a format that has but one."""
    (found,) = files(folder, name)
    return found


def copied(folder: Path, to: Path) -> Path:
    """All that is kept there, to be worked on; with the folders that were empty, which no repository keeps."""
    shutil.copytree(folder, to, symlinks=True)
    for name in EMPTY:
        (to / name).mkdir(exist_ok=True)
    return to
