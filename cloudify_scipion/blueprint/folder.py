"""Writing a rendered blueprint to a folder: parsed by Cloudify first, then put in place in one step."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from cloudify_scipion.blueprint.parse import parse_blueprint
from cloudify_scipion.blueprint.render import MANIFEST
from cloudify_scipion.errors import PermanentError

_MANY = 5
"""Files that are told to be in the way."""


def write_folder(files: Mapping[str, bytes], out: Path, parse: Callable[[Path], object] = parse_blueprint) -> bool:
    """Make `out` hold exactly `files`. False if it does already.

    Raises PermanentError, with `out` as it was, when Cloudify cannot parse the files, when they cannot be written, or
    when `out` is anything but an earlier rendering that nobody has changed.
    """
    try:
        return _written(files, out, parse)
    except OSError as error:
        what = f"{out} cannot be written: {error.strerror or error}"
        raise PermanentError(what, "make room, or choose another folder (-o)") from error


def _written(files: Mapping[str, bytes], out: Path, parse: Callable[[Path], object]) -> bool:
    _check_place(out)
    if _is_same(files, out):
        return False
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        fresh = Path(scratch, "new")
        _write(files, fresh)
        parse(fresh / "blueprint.yaml")
        if out.exists():
            out.rename(Path(scratch, "old"))
        fresh.rename(out)
    return True


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _check_place(out: Path) -> None:
    """Refuse places where Cloudify would not find the files, and folders that hold something else."""
    place = str(out.absolute())
    if quote(place, errors="surrogateescape") != place:
        what = f"Cloudify cannot read a blueprint below {place}: it takes only letters, digits and _.-~/ in the path"
        raise PermanentError(what, "choose another folder (-o)")
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise PermanentError(f"{out} is not a folder", "choose another folder (-o)")
    if out.exists():
        # No more than are told: `out` may be somebody's home.
        changed = list(islice(_not_ours(out), _MANY + 1))
        if changed:
            listed = ", ".join(changed[:_MANY]) + (", ..." if len(changed) > _MANY else "")
            what = f"{out} is not an unchanged earlier rendering: {listed}"
            raise PermanentError(what, "move these files away, or choose another folder (-o)")


def _not_ours(folder: Path) -> Iterator[str]:
    """Files in a folder that no rendering wrote, or that were changed since; none for an empty folder."""
    known: dict[str, str] = {}
    for path in folder.glob("cloudify-scipion-*/rendering.json"):
        known.update(_manifest_files(path), **{str(path.relative_to(folder)): "any"})
    for path in _contents(folder):
        name = str(path.relative_to(folder))
        if name not in known or known[name] not in ("any", _digest(path)):
            yield name


def _contents(folder: Path) -> Iterator[Path]:
    """Files below a folder, links and empty folders included. Raises OSError for folders that cannot be read."""
    entries = sorted(folder.iterdir())
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            inside = _contents(entry)
            yield next(inside, entry)
            yield from inside
        else:
            yield entry


def _manifest_files(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        files = json.loads(path.read_bytes())["files"]
        return {str(name): str(digest) for name, digest in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_same(files: Mapping[str, bytes], out: Path) -> bool:
    try:
        return (out / MANIFEST).read_bytes() == files[MANIFEST] and all((out / name).is_file() for name in files)
    except OSError:
        return False


def _digest(path: Path) -> str:
    return "" if path.is_symlink() or not path.is_file() else hashlib.sha256(path.read_bytes()).hexdigest()
