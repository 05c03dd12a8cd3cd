"""Volumes as files: an ext4 image each, loop-mounted below the volumes' own folder."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from cloudify_scipion.adapters.commands import run
from cloudify_scipion.adapters.files import make_private, parse, sync_folder, write_atomic
from cloudify_scipion.adapters.local import hosttools
from cloudify_scipion.adapters.local.folders import checked_name
from cloudify_scipion.adapters.local.locks import locked
from cloudify_scipion.adapters.local.mounts import (
    Mount,
    free,
    holding_file_system,
    is_exclusive,
    loops_of,
    mounted_at,
    unmount,
    users_of,
)
from cloudify_scipion.adapters.local.tree import remove_tree
from cloudify_scipion.adapters.local.volume_place import VolumePlace
from cloudify_scipion.adapters.volume_preparation import prepare, remove_seal, seal_below, seal_on
from cloudify_scipion.errors import DiskFull, LaterFormat, PermanentError, VolumeBusy
from cloudify_scipion.lifecycle.facts import VolumeFacts
from cloudify_scipion.lifecycle.ports import Progress

RESERVE_BYTES = 200_000_000
"""Room to be left on the host's file system beside a full volume."""
USED_SECONDS = 2.0
"""How long is waited for a container that is just ending."""


class LoopVolumes:
    """Implements the port Volumes below `root`/volumes."""

    def __init__(self, root: Path, progress: Progress) -> None:
        self._folder = root / "volumes"
        self._place = VolumePlace(root)
        self._progress = progress

    def look(self, name: str) -> VolumeFacts:
        """Observe; a half-made volume does not exist. PermanentError where the place of volumes is not seen."""
        image = self._image(name)
        try:
            size = image.stat().st_size
        except FileNotFoundError:  # any other error is no proof that it is gone
            self._place.check()
            return VolumeFacts(exists=False)
        return VolumeFacts(True, size, self._mounted(name) is not None, self._tags(name))

    def create(self, name: str, size_bytes: int, tags: Mapping[str, str]) -> bool:
        """Make it, with an empty working copy. DiskFull if the host could not hold it when full."""
        hosttools.require(hosttools.VOLUME_TOOLS)
        with self._locked():
            self._place.remember()
            made = not self._image(name).exists()
            if made:
                self._check_room(size_bytes)
            self._write_tags(name, tags)
            if made:
                self._progress.say(f"making volume {name} of {size_bytes / 1e9:.1f} GB")
                self._make(name, size_bytes, tags.get("project", ""))
            return made

    def all(self) -> Mapping[str, VolumeFacts]:
        """Every volume, by name."""
        self._place.check()
        return {image.stem: self.look(image.stem) for image in sorted(self._images())}

    def tag(self, name: str, tags: Mapping[str, str]) -> bool:
        """Replace its tags."""
        with self._locked():
            if not self._image(name).exists():
                raise PermanentError(f"volume {name} does not exist")
            return self._write_tags(name, tags)

    def seal(self, name: str) -> Mapping[str, Any]:
        """What stands in the seal on the volume, mounted or not. VolumeBusy while something else has it mounted."""
        with self._locked():
            if self._mounted(name) is not None:
                return seal_below(run, str(self._point(name)))
            if not self._image(name).exists():
                return {}
            hosttools.require(hosttools.VOLUME_TOOLS)
            device = self._unused(name)
            self._check(name, device)  # what is still in its journal may be that the seal was removed
            return seal_on(run, str(device))

    def unseal(self, name: str) -> bool:
        """Remove the seal that lies on the mounted volume."""
        with self._locked():
            if self._mounted(name) is None:
                raise PermanentError(f"volume {name} is not mounted")
            return remove_seal(run, str(self._point(name)))

    def attach(self, name: str) -> None:
        """Mount it on the host."""
        self.mount(name)

    def mount(self, name: str) -> Path:
        """Mount it below the volumes' own folder, checked first if it was not left cleanly; returns where."""
        hosttools.require(hosttools.VOLUME_TOOLS)
        with self._locked():
            self._place.remember()
            if not self._image(name).exists():
                raise PermanentError(f"volume {name} does not exist")
            point = self._point(name)
            if self._mounted(name) is None:
                self._refuse_foreign(point)
                self._mount(name)
            return point

    def detach(self, name: str) -> bool:
        """Unmount it and free its loop device. VolumeBusy, naming who, while something uses it."""
        with self._locked():
            return self._release(name)

    def delete(self, name: str) -> bool:
        """Detach and remove it."""
        self._place.check()
        with self._locked():
            changed = self._release(name)
            point = self._point(name)
            if point.is_dir():
                self._remove_point(point)
            for path in (self._image(name), self._part(name), self._tags_file(name)):
                changed = path.exists() or changed
                path.unlink(missing_ok=True)
            self._remove_scraps(name)
            if not any(self._images()):
                self._place.forget()
            return changed

    def _remove_scraps(self, name: str) -> None:
        """What processes that were killed have left: half-written tags, the layout of a first content."""
        remove_tree(self._scratch(name))
        for half_written in self._folder.glob(f".{self._tags_file(name).name}.*"):
            half_written.unlink(missing_ok=True)

    def _make(self, name: str, size_bytes: int, project: str) -> None:
        part = self._part(name)
        part.unlink(missing_ok=True)
        try:
            with part.open("wb") as stream:
                os.fchmod(stream.fileno(), 0o600)
                self._reserve(stream.fileno(), size_bytes)
            prepare(run, str(part), str(self._scratch(name)), name, project)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        part.rename(self._image(name))
        sync_folder(self._folder)

    def _reserve(self, descriptor: int, size_bytes: int) -> None:
        # all of it now: in a file with holes, a full host would turn a user's writes into errors
        try:
            os.posix_fallocate(descriptor, 0, size_bytes)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise DiskFull(
                f"{holding_file_system(self._folder)} has no room for a volume of {size_bytes / 1e9:.1f} GB",
                "ask for a smaller volume, or make room",
            ) from error

    def _mount(self, name: str) -> None:
        image, point = self._image(name), self._point(name)
        make_private(point)
        loops = loops_of(image)
        device = loops[0] if loops else Path(run(["losetup", "--find", "--show", str(image)]).stdout.strip())
        try:
            if is_exclusive(device):  # else a container that is still ending has it mounted
                self._check(name, device)
            run(["mount", "-t", "ext4", "-o", "nosuid,nodev,errors=remount-ro", str(device), str(point)])
            with suppress(OSError):  # an empty one that a check has made again
                (point / "lost+found").rmdir()
        except BaseException:
            run(["losetup", "--detach", str(device)], expect=range(256))  # the first error is the one to tell
            raise

    def _check(self, name: str, device: Path) -> None:
        done = run(["e2fsck", "-p", str(device)], expect=range(256), timeout=3600)
        if done.code > 1:  # 1: mended
            raise PermanentError(
                f"the file system of volume {name} is damaged beyond automatic repair:\n{done.stdout.strip()}",
                f"copy {self._image(name)}, then run: e2fsck -f {self._image(name)}",
            )

    def _unused(self, name: str) -> Path:
        """What holds the volume's file system, mounted nowhere: its loop device, or without one its image."""
        loops = loops_of(self._image(name))
        deadline = time.monotonic() + USED_SECONDS
        while busy := [device for device in loops if not is_exclusive(device)]:
            if time.monotonic() > deadline:
                raise VolumeBusy(f"volume {name} is in use: {busy[0]} is mounted elsewhere", "stop the machine first")
            time.sleep(0.1)
        return loops[0] if loops else self._image(name)

    def _release(self, name: str) -> bool:
        point, image = self._point(name), self._image(name)
        mount = mounted_at(point) if point.is_dir() else None
        if mount is not None and not mount.source.startswith("/dev/loop"):
            raise PermanentError(f"{mount.source} is mounted at {point}, which is not ours", f"umount {point}")
        if mount is not None:
            _wait_for_users(name, mount)
            try:
                unmount(point)
            except PermanentError as error:
                raise VolumeBusy(error.what, error.next_step) from error
        loops = loops_of(image)
        for device in loops:
            free(device, USED_SECONDS)
        return mount is not None or bool(loops)

    def _mounted(self, name: str) -> Mount | None:
        mount = mounted_at(self._point(name))
        return mount if mount is not None and Path(mount.source) in loops_of(self._image(name)) else None

    def _refuse_foreign(self, point: Path) -> None:
        other = mounted_at(point)
        if other is not None:
            raise PermanentError(f"{other.source} is mounted at {point}, which is not this volume", f"umount {point}")

    def _remove_point(self, point: Path) -> None:
        try:
            point.rmdir()
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            raise PermanentError(
                f"{point} holds files that are not the volume's", "save them, then remove them"
            ) from error

    def _check_room(self, size_bytes: int) -> None:
        make_private(self._folder)
        # what other volumes may still grow by is not free
        promised = sum(max(0, facts.st_size - facts.st_blocks * 512) for facts in map(Path.stat, self._images()))
        free = shutil.disk_usage(self._folder).free - promised
        if free < size_bytes + RESERVE_BYTES:
            point = holding_file_system(self._folder)
            needed = f"{(size_bytes + RESERVE_BYTES) / 1e9:.1f} GB"
            raise DiskFull(
                f"{point} has {free / 1e9:.1f} GB left; a volume of {size_bytes / 1e9:.1f} GB takes {needed}",
                "ask for a smaller volume, or make room",
            )

    def _images(self) -> Iterable[Path]:
        return self._folder.glob("*.img")

    def _write_tags(self, name: str, tags: Mapping[str, str]) -> bool:
        changed = self._tags(name) != dict(tags)
        if changed:
            write_atomic(self._tags_file(name), json.dumps(dict(tags), indent=1).encode())
        return changed

    def _tags(self, name: str) -> dict[str, str]:
        path = self._tags_file(name)
        try:
            tags = parse(path.read_text())
        except (OSError, ValueError):
            return {}
        LaterFormat.refuse(tags, path)
        return {key: value for key, value in tags.items() if isinstance(value, str)} if isinstance(tags, dict) else {}

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self._folder / ".lock")

    def _image(self, name: str) -> Path:
        return self._folder / f"{checked_name(name)}.img"

    def _part(self, name: str) -> Path:
        return self._folder / f"{name}.part"

    def _scratch(self, name: str) -> Path:
        return self._folder / f"{name}.layout"

    def _tags_file(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _point(self, name: str) -> Path:
        return self._folder / "mnt" / name


def _wait_for_users(name: str, mount: Mount, seconds: float = USED_SECONDS) -> None:
    # a container that has just ended lets go of its mounts a little later
    deadline = time.monotonic() + seconds
    while users := users_of(mount):
        if time.monotonic() > deadline:
            raise VolumeBusy(f"volume {name} is in use by {'; '.join(users)}", "stop the machine first")
        time.sleep(0.1)
