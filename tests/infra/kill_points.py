"""Where the real adapters are killed: a verb, and the call that is the last thing its process does."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

PACKAGE = "cloudify_scipion.adapters.local"


@dataclass(frozen=True)
class KillPoint:
    """The `count`th call (from 1) of `function` within `verb`, "before" or "after" it.

    `function` is "MODULE:NAME", the NAME as that module knows it: what it imports counts where it is used.
    """

    verb: str
    function: str
    moment: str
    count: int

    def __str__(self) -> str:
        return f"{self.verb}-{self.function}:{self.moment}:{self.count}"


def kill_point(verb: str, text: str) -> KillPoint:
    """Out of "MODULE:NAME:before|after:COUNT"."""
    function, moment, count = text.rsplit(":", 2)
    return KillPoint(verb, function, moment, int(count))


def holder_of(function: str) -> tuple[Any, str]:
    """The module or class that has the function, and its name there. Raises AttributeError where there is none."""
    module, name = function.split(":")
    holder: Any = importlib.import_module(f"{PACKAGE}.{module}")
    *outer, last = name.split(".")
    for part in outer:
        holder = getattr(holder, part)
    getattr(holder, last)
    return holder, last


KILL_POINTS = [
    kill_point("volume", "volumes:sync_folder:before:1"),
    kill_point("volume", "volumes:run:after:6"),
    kill_point("volume", "volumes:run:before:8"),
    kill_point("volume", "volumes:prepare:after:1"),
    kill_point("attach", "volumes:run:after:1"),
    kill_point("attach", "volumes:run:before:3"),
    kill_point("create", "folders:MachineFolder.write:before:1"),
    kill_point("create", "folders:MachineFolder.make_folders:before:1"),
    kill_point("start", "machine:mount_root:after:1"),
    kill_point("start", "machine:write_inside:before:4"),
    kill_point("start", "container:find_leader:before:2"),
    kill_point("start", "container:boot:after:1"),
    kill_point("start", "network:answers:before:1"),
    kill_point("start", "network:converge_forwards:before:1"),
    kill_point("stop", "container:send:after:1"),
    kill_point("stop", "machine:unmount_root:before:1"),
    kill_point("stop", "cgroups:Group.remove:before:1"),
    kill_point("capture", "capture:keep_downloads:before:1"),
    kill_point("capture", "store:write_atomic:after:1"),
    kill_point("capture", "capture:keep_downloads:after:1"),
    kill_point("capture", "capture:clean:before:1"),
    kill_point("capture", "capture:remove_entry:after:3"),
    kill_point("capture", "layers:LayerCache.store:before:1"),
    kill_point("capture", "layers:write_atomic:after:1"),
    kill_point("capture", "layers:LayerCache.finish:before:2"),
    kill_point("capture", "layers:sync_folder:before:1"),
    kill_point("capture", "folders:MachineFolder.write:before:2"),
    kill_point("capture", "folders:MachineFolder.write:after:2"),
    kill_point("delete", "tree:remove_entry:before:20"),
    kill_point("delete", "machine:MachineFolder.remove:before:1"),
    kill_point("discard", "volumes:unmount:after:1"),
    kill_point("discard", "volumes:LoopVolumes._remove_point:after:1"),
]
"""Every one is reached: the test `test_every_kill_point_is_reached` counts them all, whichever of them are drawn."""
