"""The base system that all machines stand on: built once per recipe, then never changed."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cloudify_scipion.adapters.commands import clean_environment, follow, run
from cloudify_scipion.adapters.files import make_private, write_atomic
from cloudify_scipion.adapters.local import aptsources
from cloudify_scipion.adapters.local.locks import locked
from cloudify_scipion.adapters.local.mounts import holding_file_system
from cloudify_scipion.adapters.local.recipe import Recipe
from cloudify_scipion.adapters.local.tree import remove_tree
from cloudify_scipion.errors import CommandFailed, DiskFull, PermanentError, TemporaryError
from cloudify_scipion.lifecycle.ports import Progress
from cloudify_scipion.resources import puppet_folder

NEEDED_BYTES = 1_000_000_000
"""Room that a build takes at its peak, packages included."""
FULL_BYTES = 10_000_000
"""Less than this left after a failed build: that was the reason."""
BUILD_SECONDS = 1800.0
PATIENCE = "CLOUDIFY_SCIPION_PATIENCE"
HUNG = 75
"""What the watching program ends with where a mirror hangs."""
_FETCHING = ('Debug::pkgAcquire::Worker "1";', 'Acquire::http::Timeout "15";', 'Acquire::https::Timeout "15";')
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")


class BaseCache:
    """Bases below `root`/cache/base, one folder per recipe digest: `root/` and `meta.json`."""

    def __init__(self, root: Path, progress: Progress, recipe: Recipe | None = None) -> None:
        self._folder = root / "cache" / "base"
        self._progress = progress
        self.recipe = recipe or Recipe()
        self.digest = self.recipe.digest()

    def path(self, digest: str) -> Path:
        """Root folder of the base of that digest, whether it is there or not."""
        return self._folder / digest / "root"

    def ensure(self) -> bool:
        """Have the base of the recipe built. True if it was not there.

        Raises DiskFull, PermanentError without a Debian source on this host, TemporaryError if apt could not fetch.
        """
        if self.path(self.digest).is_dir():
            return False
        make_private(self._folder)
        with locked(self._folder / f"{self.digest}.lock", self._progress, "another project builds the base system"):
            if self.path(self.digest).is_dir():
                return False
            self._build()
        return True

    def _build(self) -> None:
        part = self._folder / f"{self.digest}.part"
        remove_tree(part)  # of a builder that died: nobody else holds the lock
        _check_room(self._folder, NEEDED_BYTES)
        part.mkdir(mode=0o700)
        try:
            with self._progress.during("building the base system from this host's Debian sources"):
                _bootstrap(self.recipe, part, self._progress)
                finish(self.recipe, part / "root")
            write_atomic(part / "meta.json", _meta(self.recipe))
            run(["sync", "-f", str(part)], timeout=300)
        except BaseException:
            remove_tree(part)
            raise
        part.rename(self._folder / self.digest)


def finish(recipe: Recipe, root: Path) -> None:
    """Take everything of this host out of a new base, and put our few settings in."""
    for pattern in recipe.removed:
        for found in root.glob(pattern.lstrip("/")):
            remove_tree(found)
    for name, text in recipe.files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    units = root / "etc/systemd/system"
    units.mkdir(parents=True, exist_ok=True)
    for unit in recipe.masked:
        link = units / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")


def bootstrap_argv(recipe: Recipe, target: Path, sources: list[Path], settings: Path) -> list[str]:
    """The command that makes the base: it and all its mounts are gone as soon as the builder is."""
    contained = ["setpriv", "--pdeathsig", "KILL"]
    contained += ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    options = [f"--dpkgopt={option}" for option in recipe.dpkg]
    options += [f"--aptopt={option}" for option in (*recipe.apt, str(settings), *_FETCHING)]
    hooks = "/usr/share/mmdebstrap/hooks/file-mirror-automount"
    if any("file:" in source.read_text() for source in sources) and Path(hooks).is_dir():
        options.append(f"--hook-dir={hooks}")
    make = ["mmdebstrap", "--verbose", "--mode=root", "--variant=minbase", "--format=directory", "--skip=check/empty"]
    include = f"--include={','.join(recipe.packages)}"
    return [*contained, *make, *options, include, recipe.suite, str(target), *map(str, sources)]


def _bootstrap(recipe: Recipe, part: Path, progress: Progress) -> None:
    texts = aptsources.debian_sources(aptsources.host_source_files(), recipe.suite)
    if not texts:
        raise PermanentError(
            f"no apt source of this host serves Debian {recipe.suite} main", "add one to /etc/apt/sources.list.d"
        )
    second_chance = True
    while texts:
        try:
            return _from_mirrors(recipe, part, texts, progress)
        except MirrorHangs as error:
            remove_tree(part / "root")
            others = aptsources.without(texts, error.place)
            if not others and not second_chance:
                raise
            progress.say(f"{error.what.splitlines()[0]}: trying {'without it' if others else 'once more'}")
            texts, second_chance = others or texts, second_chance and bool(others)
    return None


def _from_mirrors(recipe: Recipe, part: Path, texts: Sequence[str], progress: Progress) -> None:
    with _private_folder(part) as private:
        settings = private / "fetch.conf"
        settings.write_text(aptsources.fetch_settings())
        sources = [private / f"source{number}" for number in range(len(texts))]
        for path, text in zip(sources, texts, strict=True):
            path.write_text(text)
        argv = bootstrap_argv(recipe, part / "root", sources, settings)
        try:
            follow(watched(argv), _Told(progress).line, timeout=BUILD_SECONDS, env=_environment(private))
        except CommandFailed as error:
            raise _explained(error, part) from error


def watched(argv: Sequence[str]) -> list[str]:
    """The command under the program that ends it when a mirror hangs; that one dies with its builder, too."""
    return ["setpriv", "--pdeathsig", "KILL", sys.executable, "-B", "-m", "cloudify_fetching", "watch", *argv]


def _environment(private: Path) -> dict[str, str]:
    proxies = {key: value for key, value in os.environ.items() if key.lower() in _PROXIES}
    fetching = {"PYTHONPATH": str(puppet_folder() / "modules/system/files"), "FETCHING_REPORT": "/dev/stdout"}
    if patience := os.environ.get(PATIENCE):
        fetching["FETCHING_PATIENCE"] = patience
    return {**clean_environment(), **proxies, **fetching, "TMPDIR": str(private), "DEBIAN_FRONTEND": "noninteractive"}


class _Told:
    """Hands on what the build waits for."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def line(self, line: str) -> None:
        """One line of its output."""
        if line.startswith("waiting: "):
            self._progress.waiting(line.removeprefix("waiting: "))


@contextmanager
def _private_folder(part: Path) -> Iterator[Path]:
    # world-searchable because apt fetches as the user _apt; its parents are not
    private = Path(tempfile.mkdtemp(dir=part, prefix="build."))
    try:
        yield private
    finally:
        remove_tree(private)


class MirrorHangs(PermanentError):
    """A mirror from which nothing comes; `place` is its host."""

    def __init__(self, said: str) -> None:
        what, _, step = said.partition("\nnext: ")
        super().__init__(f"the base system could not be built: {what}", step)
        self.place = what.removeprefix("the mirror ").split(" ")[0]


def _explained(error: CommandFailed, part: Path) -> DiskFull | TemporaryError | MirrorHangs:
    if error.code == HUNG:
        return MirrorHangs(error.output[error.output.rindex("the mirror ") :].replace("waiting: \n", "").strip())
    told_full = any(words in error.output for words in ("No space left on device", "enough free space"))
    if told_full or shutil.disk_usage(part).free < FULL_BYTES:
        return _disk_full(part, NEEDED_BYTES)
    lines = [line for line in error.output.splitlines() if line.startswith(("E:", "W:", "Err:"))]
    told = "\n".join((lines or error.output.splitlines())[-15:])
    return TemporaryError(
        f"the base system could not be built:\n{told}", "apt-get update must work on this host", retry_after=15.0
    )


def _check_room(folder: Path, needed: int) -> None:
    if shutil.disk_usage(folder).free < needed:
        raise _disk_full(folder, needed)


def _disk_full(folder: Path, needed: int) -> DiskFull:
    point = holding_file_system(folder)
    free = shutil.disk_usage(folder).free
    return DiskFull(
        f"the file system {point} has {free / 1e6:.0f} MB left; building the base system takes {needed / 1e6:.0f} MB",
        f"make room on {point}, or point CLOUDIFY_SCIPION_STATE at another file system",
    )


def _meta(recipe: Recipe) -> bytes:
    facts = {"digest": recipe.digest(), "suite": recipe.suite, "packages": recipe.packages}
    return json.dumps({**facts, "created": datetime.now(UTC).isoformat(timespec="seconds")}, indent=1).encode()
