"""The cache of software layers: cache/layers/DIGEST/{root,meta.json,software.lock.json}, immutable once it is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cloudify_scipion.adapters.commands import run
from cloudify_scipion.adapters.files import make_private, parse, sync_folder, write_atomic
from cloudify_scipion.adapters.local.folders import machine_folders
from cloudify_scipion.adapters.local.locks import locked
from cloudify_scipion.adapters.local.overlay import lowers_in_use
from cloudify_scipion.adapters.local.store import missing
from cloudify_scipion.adapters.local.tree import remove_tree, tree_size
from cloudify_scipion.catalogue.pins.file import FILE
from cloudify_scipion.errors import LaterFormat, PermanentError
from cloudify_scipion.lifecycle.facts import LayerFacts
from cloudify_scipion.lifecycle.ports import Progress


class LayerCache:
    """Implements the port Layers below `root`/cache/layers."""

    def __init__(self, root: Path, progress: Progress | None = None) -> None:
        self._root = root
        self._folder = root / "cache" / "layers"
        self._progress = progress

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While held, no layer comes, goes, or gets its first machine."""
        with locked(self._folder / ".lock", self._progress, "another project is at the software layers"):
            yield

    def has(self, digest: str) -> bool:
        """Whether a complete layer of that digest is kept."""
        return self.path(digest).is_dir()

    def list(self) -> Sequence[LayerFacts]:
        """All layers kept, oldest first."""
        users = self._users()
        complete = [path for path in self._folder.glob("*/meta.json") if not path.parent.suffix]
        found = [facts for path in complete if (facts := self._facts(path, users)) is not None]
        return sorted(found, key=lambda facts: (facts.created_at, facts.digest))

    def pins(self, digest: str) -> str:
        """The text of a layer's lock file, empty if it has none."""
        path = self._folder / digest / FILE
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def missing(self, files: Mapping[str, str]) -> Sequence[str]:
        """Which of these files (KIND/NAME to SHA-256) the store does not have, by name."""
        return missing(self._root / "store", files)

    def remove(self, digest: str) -> None:
        """Remove one, and what broken-off attempts left. PermanentError naming the machines that stand on it."""
        with self.locked():
            self._remove(digest)

    def _remove(self, digest: str) -> None:
        users = self._users()
        if digest in users:
            named = ", ".join(users[digest])
            raise PermanentError(f"layer {digest[:12]} is in use by {named}", "uninstall these projects first")
        if self.has(digest):
            (self._folder / digest).rename(self._folder / f"{digest}.removed")
        for leftover in [*self._folder.glob("*.removed"), *self._folder.glob("*.part")]:
            if leftover.stem not in users:
                remove_tree(leftover)

    def clear(self) -> None:
        """Remove all layers, base systems and kept downloads. Raises PermanentError while any machine exists."""
        with self.locked():
            named = ", ".join(machine.name for machine in machine_folders(self._root))
            if named:
                raise PermanentError(f"the cache is in use by {named}", "uninstall these projects first")
            for layer in self.list():
                self._remove(layer.digest)
            for folder in ("cache/base", "store/debs", "store/wheels", "store/archives"):
                remove_tree(self._root / folder)

    def path(self, digest: str) -> Path:
        """Root folder of a layer."""
        return self._folder / digest / "root"

    def store(
        self,
        upper: Path,
        digest: str,
        base: str,
        contents: Mapping[str, str],
        downloads: Mapping[str, str],
        pins: str = "",
    ) -> None:
        """Turn a cleaned `upper` of the same file system into the layer `digest`; the caller holds the lock.

        Killed at any point and followed by `finish`, either the upper is where it was or the layer is complete.
        """
        part = self._part(digest)
        remove_tree(part)
        make_private(part)
        meta = {
            "digest": digest,
            "base": base,
            "contents": dict(contents),
            "created": datetime.now(UTC).isoformat(timespec="microseconds"),
            "size": tree_size(upper),
            "downloads": dict(downloads),
        }
        write_atomic(part / "meta.json", json.dumps(meta, indent=1, sort_keys=True).encode())
        if pins:
            write_atomic(part / FILE, pins.encode())
        run(["sync", "-f", str(upper)], timeout=600)
        upper.rename(part / "root")
        self.finish(digest)

    def finish(self, digest: str) -> None:
        """Complete a layer whose tree was already moved here; the caller holds the lock."""
        part = self._part(digest)
        if (part / "root").is_dir() and not self.has(digest):
            part.rename(self._folder / digest)
            sync_folder(self._folder)

    def _part(self, digest: str) -> Path:
        return self._folder / f"{digest}.part"

    def _facts(self, path: Path, users: Mapping[str, Sequence[str]]) -> LayerFacts | None:
        try:
            meta: dict[str, Any] = parse(path.read_text())
            LaterFormat.refuse(meta, path)
            digest = meta["digest"]
            return LayerFacts(digest, meta["size"], meta["created"], meta["contents"], tuple(users.get(digest, ())))
        except FileNotFoundError:  # just being removed
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise PermanentError(f"{path} is damaged: {error!r}", f"remove {path.parent}: it is made anew") from error

    def _users(self) -> dict[str, Sequence[str]]:
        users: dict[str, set[str]] = {}
        for machine in machine_folders(self._root):
            record = machine.record()
            for digest in {record.layer, record.capturing} if record else ():
                if digest is not None:
                    users.setdefault(digest, set()).add(machine.name)
        for layer in self._folder.glob("*/root"):
            digest = layer.parent.name
            # also a machine whose folder somebody deleted while it ran
            for point in lowers_in_use(layer.relative_to(self._root)) + lowers_in_use(layer):
                if point.is_relative_to(self._root.resolve()):
                    users.setdefault(digest, set()).add(point.parent.name)
        return {digest: sorted(names) for digest, names in users.items()}
