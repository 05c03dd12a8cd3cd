"""Operations of cloudify.nodes.scipion.Puppet, the type that blueprint authors derive from."""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from cloudify import ctx

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.project import update
from cloudify_scipion.lifecycle.puppet import apply_classes
from cloudify_scipion.operations.boundary import Call, ask, call


def create(**_: Any) -> None:
    """Apply the node's classes."""
    call(lambda c: _apply(c, unless_known=True))


def heal(**_: Any) -> None:
    """Apply them, whatever is known of the last run."""
    call(lambda c: _apply(c, unless_known=False))


def check_status(**_: Any) -> dict[str, str]:
    """Whether the machine answers; drift is what `heal` puts right."""
    return ask(lambda c: "" if c.services.machines.look(c.record.machine).running else "the machine is not running")


def _apply(c: Call, unless_known: bool) -> None:
    given = c.properties
    with tempfile.TemporaryDirectory() as folder:
        modules = _unpack(given["modules"], Path(folder)) if given["modules"] else None
        # What an author adds is the project's own: no layer for others is made of it.
        record = update(c.services, c.record, personal=True)
        apply_classes(c.services, record, given["run"], given["classes"], given["data"], modules, unless_known)


def _unpack(resource: str, folder: Path) -> Path:
    """Unpack the plain files of a tar archive; a path that leads out of `folder` is refused."""
    with tarfile.open(fileobj=io.BytesIO(ctx.get_resource(resource))) as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isreg() else None
            path = PurePosixPath(entry.name)
            if path.is_absolute() or ".." in path.parts:
                raise PermanentError(f"{resource}: {entry.name} leads out of the archive", "pack relative paths only")
            if content is not None:
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
    return folder
