"""The files beside the blueprint that its author names: workflow, lock file, Puppet modules.

Whatever is wrong with one is a problem of the input, told with the file's name; Cloudify does not try it again.
"""

from __future__ import annotations

import io
import lzma
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from cloudify import ctx
from cloudify.exceptions import HttpException, NonRecoverableError

from cloudify_scipion.catalogue.pins.file import check_pins
from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.documents import Document, parse_json
from cloudify_scipion.project.workflow import workflow_problems

_NO_ARCHIVE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError)
"""What Python's readers raise for content that is no archive, or not all of one."""


def workflow_document(name: str, named_by: str = "") -> Document:
    """The workflow in the file `name`, as Scipion exports it, and everything that is wrong with it.

    `named_by` is said where it cannot be read.
    """
    content = _content(name)
    if isinstance(content, Problem):
        told = "; ".join(text for text in (content.message, named_by) if text)
        return Document(name, None, (replace(content, message=told),))
    document = parse_json(content, name)
    return Document(name, document.value, document.problems or tuple(workflow_problems(document.value, name)))


def read_workflow(name: str) -> list[dict[str, Any]]:
    """The protocols in the file `name`; none for no name. Raises NonRecoverableError with all problems."""
    document = workflow_document(name) if name else Document(name, [])
    _refuse(document.problems)
    protocols: list[dict[str, Any]] = document.value
    return protocols


def read_lock(name: str) -> str:
    """The text of the lock file `name`, checked; empty for no name. Raises NonRecoverableError with all problems."""
    content = _read(name) if name else b""
    _refuse(check_pins(content, name) if name else ())
    return content.decode()


def read_modules(name: str) -> dict[str, bytes]:
    """The plain files of the tar archive `name`, by path; none for no name.

    Raises NonRecoverableError where that cannot be read, or has a path that leads out of it.
    """
    files = _unpacked(name, _read(name)) if name else {}
    folders = {PurePosixPath(), *(folder for path in files for folder in path.parents)}
    _refuse(
        Problem(name, "$", f"{path} leads out of the archive, or is a folder as well: pack plain relative paths only")
        for path in files
        if path.is_absolute() or ".." in path.parts or path in folders
    )
    return {str(path): content for path, content in files.items()}


def _unpacked(name: str, content: bytes) -> dict[PurePosixPath, bytes]:
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            entries = [(PurePosixPath(entry.name), archive.extractfile(entry)) for entry in archive if entry.isreg()]
            return {path: file.read() for path, file in entries if file}
    except _NO_ARCHIVE as error:
        raise _refusal([Problem(name, "$", f"this is no tar archive, or not a whole one: {error}")]) from error


def _read(name: str) -> bytes:
    content = _content(name)
    if isinstance(content, Problem):
        raise _refusal([content])
    return content


def _content(name: str) -> bytes | Problem:
    try:
        content: bytes = ctx.get_resource(name)
    except (FileNotFoundError, HttpException):
        return Problem(name, "$", "there is no such file beside the blueprint")
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        return Problem(name, "$", f"it cannot be read: {getattr(error, 'strerror', None) or error}")
    return content


def _refuse(problems: Iterable[Problem]) -> None:
    if found := list(problems):
        raise _refusal(found)


def _refusal(problems: list[Problem]) -> NonRecoverableError:
    return NonRecoverableError(str(InputError(problems)))
