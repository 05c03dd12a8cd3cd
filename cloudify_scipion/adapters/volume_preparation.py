"""What lies on a volume from its first moment on, and the seal on it: commands, run wherever the volume can be reached.

A provider runs them on the host, or over a machine's shell. No symlink on a volume leads anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cloudify_scipion.adapters.files import parse
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.facts import CommandResult
from cloudify_scipion.lifecycle.layout import AGENT, AGENT_FOLDER, MARK, SEAL, USER, USER_FOLDER

_OPTIONS = "lazy_itable_init=1,lazy_journal_init=1,nodiscard"
_SECONDS = 300.0


class Run(Protocol):
    """Runs a program as root: on this host (`commands.run`), or on a machine (`Shell.run`)."""

    def __call__(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60.0, expect: Sequence[int] = (0,)
    ) -> CommandResult:
        """Raises CommandFailed on an exit code outside `expect`."""


def prepare(run: Run, device: str, scratch: str, volume: str, project: str) -> None:
    """Make ext4 on the device or file `device`, with its mark and its folders in it: it is never without them.

    Its first content is laid out in `scratch`, a name that is free, or was left by an attempt that was killed.
    """
    run(["rm", "-rf", "--one-file-system", scratch])
    try:
        _lay_out(run, scratch, volume, project)
        run(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", _OPTIONS, "-d", scratch, device], timeout=_SECONDS)
    finally:
        run(["rm", "-rf", "--one-file-system", scratch])
    # The user sees his own folder only, through a mount of its own: through the whole volume he could still write
    # there when that mount is read-only. And he needs no lost+found.
    for request in ("rmdir lost+found", "set_inode_field <2> mode 040750", f"set_inode_field <2> gid {AGENT}"):
        run(["debugfs", "-w", "-R", request, device])
    run(["sync", device], timeout=_SECONDS)


def seal_on(run: Run, device: str) -> Mapping[str, Any]:
    """What stands in the seal of a volume that is mounted nowhere, and whose journal is empty; empty if there is none.

    Nothing is mounted for it.
    """
    return _document(run(["debugfs", "-R", f"cat /{AGENT_FOLDER}/{SEAL}", device], timeout=_SECONDS).stdout)


def seal_below(run: Run, root: str) -> Mapping[str, Any]:
    """What stands in the seal of the volume mounted at `root`; empty if there is none. Raises PermanentError if it
    cannot be read."""
    kind = _of_the_seal(run, root, "%y")
    if kind not in ("", "f"):
        raise PermanentError(f"the seal of the volume at {root} is no file", f"remove {_seal(root)}")
    return _document(run(["dd", "iflag=nofollow", "status=none", f"if={_seal(root)}"]).stdout) if kind else {}


def remove_seal(run: Run, root: str) -> bool:
    """Remove the seal of the volume mounted at `root`, for good. True if it was there."""
    found = bool(_of_the_seal(run, root, "%y", "-delete"))  # by its name in the opened folder, whatever is put there
    if found:
        run(["sync", f"{root}/{AGENT_FOLDER}"])
    return found


def _lay_out(run: Run, root: str, volume: str, project: str) -> None:
    mark = json.dumps({"version": 1, "volume": volume, "project": project}) + "\n"
    run(["install", "-d", "-m", "0700", root])
    run(["install", "-m", "0644", "/dev/stdin", f"{root}/{MARK}"], stdin=mark.encode())
    for name, owner, mode in ((USER_FOLDER, str(USER), "0750"), (AGENT_FOLDER, str(AGENT), "0700")):
        run(["install", "-d", "-m", mode, "-o", owner, "-g", owner, f"{root}/{name}"])


def _seal(root: str) -> str:
    return f"{root}/{AGENT_FOLDER}/{SEAL}"


def _of_the_seal(run: Run, root: str, told: str, *does: str) -> str:
    """What find says of the seal in the format `told`, empty where there is none; then it `does` something to it."""
    folder = f"{root}/{AGENT_FOLDER}"
    if run(["find", folder, "-maxdepth", "0", "-printf", "%y"]).stdout != "d":
        raise PermanentError(f"{folder} is no folder", "this is no volume of a project")
    found = ["find", folder, "-mindepth", "1", "-maxdepth", "1", "-name", SEAL, "-printf", told, *does]
    return run(found).stdout


def _document(text: str) -> dict[str, Any]:
    try:
        seal = parse(text)
    except ValueError:
        return {}
    return seal if isinstance(seal, dict) else {}
