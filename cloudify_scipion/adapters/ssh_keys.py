"""The SSH keys of a project: one to log in with, and the machine's host key, known before its first boot."""

from __future__ import annotations

from pathlib import Path

from cloudify_scipion.adapters.commands import run
from cloudify_scipion.adapters.files import make_private, write_atomic
from cloudify_scipion.lifecycle.facts import Endpoint, Keys

LOGIN, HOST = "login_ed25519", "host_ed25519"


def ensure_keys(folder: Path) -> Keys:
    """Make both key pairs unless they are there. Private keys are 0600 in a 0700 folder."""
    make_private(folder)
    for name in (LOGIN, HOST):
        _ensure_pair(folder, name)
    host_public = (folder / f"{HOST}.pub").read_text(encoding="ascii").strip()
    return Keys(
        login_public=(folder / f"{LOGIN}.pub").read_text(encoding="ascii").strip(),
        host_private=(folder / HOST).read_bytes(),
        host_public=host_public,
    )


def _ensure_pair(folder: Path, name: str) -> None:
    # The public half is renamed last: both halves are there when it is.
    if (folder / f"{name}.pub").exists():
        return
    part = folder / f"{name}.part"
    for leftover in (part, Path(f"{part}.pub")):
        leftover.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"cloudify-scipion {name}", "-f", str(part)])
    part.replace(folder / name)
    Path(f"{part}.pub").replace(folder / f"{name}.pub")


def write_known_hosts(folder: Path, endpoint: Endpoint, host_public: str) -> Path:
    """The known_hosts file with the machine's key at `endpoint`."""
    path = folder / "known_hosts"
    write_atomic(path, f"[{endpoint.host}]:{endpoint.port} {' '.join(host_public.split()[:2])}\n".encode())
    return path
