"""One container: booting it, finding it again, ending it."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cloudify_scipion.adapters.local.cgroups import Group, log_tail, spawn, trim_log
from cloudify_scipion.adapters.local.process import Process, alive, is_namespace_init, send, wait_gone
from cloudify_scipion.errors import PermanentError

CONSOLE = "console.log"
LOG = "container.log"
BOOT_SECONDS = 30.0
POWEROFF_SECONDS = 15.0
REPEAT_SECONDS = 0.5
# sent to systemd as the first process of a container: power off
_POWER_OFF = signal.SIGRTMIN + 4
# making device nodes would open the host's disks; immutable files could not be removed; file handles reach other trees
_DROPPED = ("CAP_MKNOD", "CAP_LINUX_IMMUTABLE", "CAP_DAC_READ_SEARCH")


@dataclass(frozen=True)
class Bind:
    """A path of the host that the container sees at `target`."""

    source: Path
    target: str
    read_only: bool = False

    def option(self) -> str:
        """The option of systemd-nspawn."""
        name = "--bind-ro" if self.read_only else "--bind"
        return f"{name}={_escaped(str(self.source))}:{_escaped(self.target)}"


def nspawn_argv(root: Path, identity: str, hostname: str, binds: Sequence[Bind]) -> list[str]:
    """The container's command."""
    return [
        "systemd-nspawn",
        "--boot",
        "--quiet",
        "--settings=no",
        f"--directory={root}",
        f"--machine={identity}",
        f"--hostname={hostname}",
        "--register=no",
        "--keep-unit",
        "--private-network",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        f"--drop-capability={','.join(_DROPPED)}",
        *(bind.option() for bind in binds),
    ]


def boot(machine: Path, group: Group, argv: Sequence[str], keep: Sequence[Path]) -> Process:
    """Start the container, which needs the mounts at `keep`, and return its first process.

    Raises PermanentError with the end of its console if it fails.
    """
    console = machine / CONSOLE
    # script(1) gives the container the terminal that it wants
    terminal = ["script", "--quiet", "--flush", "--append", "--command", f"exec {shlex.join(argv)}", str(console)]
    trim_log(console)
    spawn(terminal, group, machine, machine / LOG, keep)
    deadline = time.monotonic() + BOOT_SECONDS
    while (leader := find_leader(group)) is None:
        if not group.processes() or time.monotonic() > deadline:
            group.kill()
            raise PermanentError(f"the container did not start:\n{log_tail(console) or log_tail(machine / LOG)}")
        time.sleep(0.02)
    return leader


def check_alive(machine: Path, leader: Process, cause: Exception | None = None) -> None:
    """Raise PermanentError with the end of its console if the container has ended."""
    if not alive(leader):
        told = log_tail(machine / CONSOLE) or log_tail(machine / LOG)
        raise PermanentError(f"the container has ended:\n{told}", "see its console.log") from cause


def find_leader(group: Group) -> Process | None:
    """The container's first process, if it lives."""
    return next((process for process in group.processes() if is_namespace_init(process.pid)), None)


def power_off(group: Group) -> bool:
    """End the container cleanly, after a while by force, and all else in its group. True if anything was there."""
    leader = find_leader(group)
    if leader is not None:
        deadline = time.monotonic() + POWEROFF_SECONDS
        while alive(leader) and time.monotonic() < deadline:
            # again and again, because a system that is just booting does not listen yet
            send(leader, _POWER_OFF)
            wait_gone([leader], REPEAT_SECONDS)
        wait_gone(group.processes(), 2.0)
    return group.kill() or leader is not None


def make_fuse_node(machine: Path) -> Path:
    """A node of the machine's own: a chmod inside would change the host's."""
    node = machine / "fuse"
    if not node.exists():
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(10, 229))
    node.chmod(0o666)
    return node


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:")
