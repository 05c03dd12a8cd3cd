"""What a machine remembers of a Puppet run that ended well, so that the same run need not be made again.

A run is known while its digest (code, classes, data) is the same and what it managed looks as it did: files by size,
time, owner and mode, services that ran by whether they run, packages and users by the files that list them. A project
run is known only until the machine boots again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from cloudify_scipion.lifecycle.ports import Shell

FOLDER = "/var/lib/cloudify-scipion/applied"
ANY = range(256)
# The time of a folder changes with what is put in it, by anybody: it does not count.
_FACTS = r"\( -type d -printf '%p %m %U %G\n' -o -printf '%p %y %m %U %G %s %T@ %l\n' \)"
_STATE = r"""
state() {
  set +e
  nproc
  case $1 in */project-*) cat /proc/sys/kernel/random/boot_id; cut -d ' ' -f 22 /proc/1/stat;; esac
  stat -c '%n %s %Y' /var/lib/dpkg/status /etc/passwd /etc/group
  find -files0-from "$1/files" -maxdepth 0 FACTS 2>&1
  xargs -r systemctl is-active < "$1/services"
  true
}
""".replace("FACTS", _FACTS)
_ASK = _STATE + 'cat "$1/digest" "$1/state" && state "$1" | sha256sum'
_KEEP = (
    _STATE
    + r"""
set -e; umask 077
mkdir -p "$1"
IFS= read -r digest
IFS= read -r services
cat > "$1/files"
for service in $services; do if systemctl -q is-active "$service"; then echo "$service"; fi; done > "$1/services"
state "$1" | sha256sum > "$1/state"
printf '%s\n' "$digest" > "$1/digest"
"""
)


def run_digest(code: str, run: str, classes: Sequence[str], data: Mapping[str, object]) -> str:
    """SHA-256 (hex) over everything that decides what a run does. `code` is the digest of the Puppet code."""
    told = json.dumps([code, run, list(classes), data], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


class Applied:
    """A run on a machine, and what that machine remembers of the last one with the same classes."""

    def __init__(self, shell: Shell, run: str, classes: Sequence[str], digest: str) -> None:
        self._shell = shell
        self._digest = digest
        self._folder = f"{FOLDER}/{run}-{hashlib.sha256(' '.join(classes).encode()).hexdigest()[:12]}"

    def is_known(self) -> bool:
        """Whether this very run ended well, and what it managed looks as it did then."""
        told = self._shell.run(["sh", "-c", _ASK, "sh", self._folder], expect=ANY).stdout.splitlines()
        return len(told) == 3 and told[0] == self._digest and told[1] == told[2]

    def forget(self) -> None:
        """Before a run: one that is broken off is not known."""
        self._shell.run(["rm", "-rf", self._folder])

    def keep(self, resources: Iterable[str]) -> None:
        """After a run that ended well: remember it with its resources, such as `File[/etc/motd]` or `Service[x]`.

        Where that fails, the run is made again the next time.
        """
        named = [(kind, title.removesuffix("]")) for kind, _, title in (name.partition("[") for name in resources)]
        files = sorted(title for kind, title in named if kind == "File" and title.startswith("/"))
        services = sorted(title for kind, title in named if kind == "Service")
        told = f"{self._digest}\n{' '.join(services)}\n" + "\0".join(files)
        self._shell.run(["sh", "-c", _KEEP, "sh", self._folder], stdin=told.encode(), expect=ANY)
