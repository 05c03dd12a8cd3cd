"""Where projects are, one program at a time in each, and how a command that is refused ends."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

OK, UNFINISHED, USAGE, DROPPED, MISFIT, MISSING = range(6)
GET_BACK = "get it back (on the desktop: Earlier versions of files; in a terminal: scipion-data trash restore)"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")  # what Scipion leaves unchanged


class Refused(Exception):
    """What was asked cannot be done; carries the exit status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def user_data() -> Path:
    """Folder of all projects and of this program's own files."""
    return Path(os.environ["SCIPION_USER_DATA"])


def project_folder(name: str) -> Path:
    """Where a project is; it need not exist."""
    if not _NAME.fullmatch(name):
        raise Refused(USAGE, f"not a name for a Scipion project: {name!r}")
    return user_data() / "projects" / name


def own_folder() -> Path:
    """Folder for locks and half-made projects, on the same file system as the projects."""
    folder = user_data() / ".scipion-workflow"
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str, work: str, seconds: float = 0.0, awaited: str = "") -> Iterator[None]:
    """One `work` at a time for each project; the lock ends with the process. It is waited for `seconds`.

    Making a project and running it have locks of their own: what is there can be looked at while it runs. `awaited`
    names the steps, by id, that the holder waits for until a person has finished them.
    """
    end = time.monotonic() + seconds
    with _lock(name, work).open("a") as file:
        while not _taken(file):
            if time.monotonic() >= end:
                raise Refused(MISFIT, f"another scipion-workflow {work} works on {name}")
            time.sleep(0.2)
        file.truncate(0)
        file.write(awaited)
        file.flush()
        yield


def awaited_now(name: str) -> list[str]:
    """The steps, by id, that the project's workflow waits for until a person has finished them."""
    return _holder(name) or []


def goes_on(name: str) -> bool:
    """Whether the project's workflow is at work and waits for no person: it may start a step at any moment."""
    return _holder(name) == []


def _holder(name: str) -> list[str] | None:
    """The steps that whoever runs the project's workflow waits for; None if nobody runs it."""
    try:
        with _lock(name, "run").open() as file:
            return None if _taken(file, fcntl.LOCK_SH) else file.read().split()
    except FileNotFoundError:
        return None


def _lock(name: str, work: str) -> Path:
    return own_folder() / f"{name}.{work}.lock"


def _taken(file: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def projects() -> list[Path]:
    """Folders of all projects."""
    return sorted(path.parent.resolve() for path in (user_data() / "projects").glob("*/project.sqlite"))


def is_there(folder: Path) -> bool:
    """Whether there is a project; folders alone, as a deleted project leaves them in a data space, are none.

    Raises Refused where there are files without the database that makes a project of them.
    """
    if (folder / "project.sqlite").is_file() or not folder.exists():
        return folder.exists()
    if any(not path.is_dir() or path.is_symlink() for path in folder.rglob("*")):
        raise Refused(MISFIT, f"{folder} holds files and no project.sqlite: move them away, or {GET_BACK}")
    shutil.rmtree(folder)
    return False


def existing(name: str) -> Path:
    """Folder of a project that exists; raises Refused."""
    folder = project_folder(name).resolve()
    if not (folder / "project.sqlite").is_file():
        raise Refused(MISFIT, f"there is no project {name}")
    return folder
