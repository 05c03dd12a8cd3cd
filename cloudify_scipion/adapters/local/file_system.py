"""The file system of a volume: made with its mark and its folders in it, so that none is ever without them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from cloudify_scipion.adapters.commands import run
from cloudify_scipion.adapters.files import parse
from cloudify_scipion.adapters.local.beneath import folder, open_folder
from cloudify_scipion.adapters.local.tree import remove_tree
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.facts import AGENT, AGENT_FOLDER, MARK, SEAL, USER, USER_FOLDER

_OPTIONS = "lazy_itable_init=1,lazy_journal_init=1,nodiscard"


def make_file_system(image: Path, volume: str, project: str) -> None:
    """Make ext4 in the file `image`: the mark, a folder for the user, and one for the agent."""
    scratch = scratch_of(image)
    remove_tree(scratch)
    try:
        scratch.mkdir(mode=0o700)
        _lay_out(scratch, volume, project)
        run(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", _OPTIONS, "-d", str(scratch), str(image)], timeout=300)
    finally:
        remove_tree(scratch)
    # The user sees his own folder only, through a mount of its own: through the whole volume he could still write
    # there when that mount is read-only. And he needs no lost+found.
    for request in ("rmdir lost+found", "set_inode_field <2> mode 040750", f"set_inode_field <2> gid {AGENT}"):
        run(["debugfs", "-w", "-R", request, str(image)])
    run(["sync", str(image)], timeout=300)


def scratch_of(image: Path) -> Path:
    """Where the first content of an image is laid out; whoever is killed leaves it there, to be found by its name."""
    return image.with_suffix(".layout")


def seal_below(root: Path) -> dict[str, Any]:
    """What stands in the seal of the volume mounted at `root`; empty if there is none, or nothing readable in it."""
    try:
        with folder(root) as opened, open_folder(opened, AGENT_FOLDER) as inside:
            descriptor = os.open(SEAL, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=inside)
            with os.fdopen(descriptor, "rb") as stream:
                return _document(stream.read())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise PermanentError(f"the seal of the volume at {root} cannot be read: {error.strerror}") from error


def seal_on(device: Path) -> dict[str, Any]:
    """The same of a volume that is mounted nowhere, and whose journal is empty. Nothing is mounted for it."""
    return _document(run(["debugfs", "-R", f"cat /{AGENT_FOLDER}/{SEAL}", str(device)], timeout=300).stdout.encode())


def remove_seal(root: Path) -> bool:
    """Remove the seal of the volume mounted at `root`; no symlink on it leads anywhere. True if it was there."""
    with folder(root) as opened, open_folder(opened, AGENT_FOLDER) as inside:
        try:
            os.unlink(SEAL, dir_fd=inside)
        except FileNotFoundError:
            return False
        os.fsync(inside)
        return True


def _document(text: bytes) -> dict[str, Any]:
    try:
        seal = parse(text)
    except ValueError:
        return {}
    return seal if isinstance(seal, dict) else {}


def _lay_out(root: Path, volume: str, project: str) -> None:
    mark = root / MARK
    mark.write_text(json.dumps({"version": 1, "volume": volume, "project": project}) + "\n", encoding="utf-8")
    mark.chmod(0o644)
    for name, owner, mode in ((USER_FOLDER, USER, 0o750), (AGENT_FOLDER, AGENT, 0o700)):
        (root / name).mkdir()
        os.chown(root / name, owner, owner)
        (root / name).chmod(mode)
