"""What this host must offer before a local machine can be made."""

from __future__ import annotations

import os
from collections.abc import Sequence

from cloudify_scipion.adapters.commands import PACKAGE_OF, as_root, missing_tools
from cloudify_scipion.errors import PermanentError

MACHINE_TOOLS = ("mmdebstrap", "systemd-nspawn", "slirp4netns", "mount", "umount", "unshare", "setpriv", "script")
VOLUME_TOOLS = ("mkfs.ext4", "e2fsck", "debugfs", "losetup", "mount", "umount")
PACKAGE_OF |= {"apt-config": "apt", "e2fsck": "e2fsprogs", "script": "bsdutils", "systemd-nspawn": "systemd-container"}
PACKAGE_OF |= {"losetup": "mount", "umount": "mount", "setpriv": "util-linux", "unshare": "util-linux"}


def require(tools: Sequence[str]) -> None:
    """Raise PermanentError unless this is root, MissingTool naming all programs that are absent."""
    require_root()
    error = missing_tools(tools)
    if error is not None:
        raise error


def require_root() -> None:
    """Raise PermanentError, with the command to use, unless this process is root's."""
    if os.geteuid() != 0:
        raise PermanentError("local machines need root: mounts, namespaces and loop devices", as_root())
