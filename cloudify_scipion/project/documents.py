"""Reading JSON and YAML files that people wrote: every fault is a Problem with a path, never an exception."""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from cloudify_scipion.errors import Problem

MAX_BYTES = 1_000_000
"""Limit of a project file."""
MAX_YAML_BYTES = 250_000
"""Limit of a YAML file: it takes a second to read so much."""
MAX_VALUES = 200_000
"""Limit of values in a document once YAML's aliases are written out."""
MAX_DIGITS = 100
"""Limit of a number's digits; what is longer is no number that anyone means, and slow to work with."""
REPEATED = "this key is written more than once"
_UTF8_BOM = b"\xef\xbb\xbf"
NO_FILE = "there is no such file"
_SLIPS = (
    (r".*\|\Z", "; the text ends too early"),
    (r"Expecting (property|value).*\|[}\]]", "; is there a comma too many before it?"),
    (r".*\|(//|/\*|#)", "; JSON has no comments"),
    (r".*\|'", "; JSON has double quotes only"),
    (r".*\|(True|False|None)\b", "; JSON writes true, false and null"),
)
"""What is probably wrong, by the message of JSON's parser and the text where it stops."""
_SIMPLE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


Findings = Iterator[tuple[str, str]]
"""JSON paths in a document, each with what is wrong there; whoever gathers them says which document it is."""


@dataclass(frozen=True)
class Document:
    """What was read: `value` (None if nothing could be read), and what is wrong with it."""

    source: str
    value: Any
    problems: tuple[Problem, ...] = ()


class _Mapping(dict[str, Any]):
    """A mapping with text keys that remembers which of them were written twice, and which were not text."""

    def __init__(self, pairs: list[tuple[Any, Any]]) -> None:
        super().__init__((str(key), value) for key, value in pairs)
        counts = Counter(str(key) for key, _ in pairs)
        self.repeated = [key for key, count in counts.items() if count > 1]
        self.not_text = [key for key, _ in pairs if not isinstance(key, str)]


def child_path(path: str, key: object) -> str:
    """The JSON path of an item: `$.volume`, `$['odd key']`, `$[0]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    text = str(key)
    return f"{path}.{text}" if _SIMPLE_KEY.match(text) else f"{path}[{text!r}]"


def part(document: object, kind: type[Any], *keys: str) -> Any:
    """The part of a document at `keys`, or an empty one where it is absent or of another type."""
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document if isinstance(document, kind) else kind()


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number to JSON Schema, to which 2.0 is a whole one and true is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_json(path: Path, source: str, max_bytes: int = MAX_BYTES) -> Document:
    """Read a JSON file of at most `max_bytes`."""
    return _read(path, source, max_bytes, _parse_json)


def read_yaml(path: Path, source: str, max_bytes: int = MAX_YAML_BYTES) -> Document:
    """Read a YAML file of at most `max_bytes`."""
    return _read(path, source, max_bytes, _parse_yaml)


def parse_json(content: bytes, source: str) -> Document:
    """Read JSON text."""
    return _parse(content, source, _parse_json)


def parse_yaml(content: bytes, source: str) -> Document:
    """Read YAML text."""
    return _parse(content, source, _parse_yaml)


def read_bytes(path: Path, source: str, max_bytes: int = MAX_BYTES) -> bytes | Document:
    """The content of a file of at most `max_bytes`, or a document that says why it cannot be read."""
    try:
        with open(path, "rb", opener=_at_once) as file:  # noqa: PTH123  Path.open has no opener
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(max_bytes + 1) if stat.S_ISREG(mode) else None
    except FileNotFoundError:
        return _broken(source, NO_FILE)
    except IsADirectoryError:
        return _broken(source, "this is a folder, not a file")
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        return _broken(source, f"it cannot be read: {getattr(error, 'strerror', None) or error}")
    if content is None:
        return _broken(source, "this is a pipe or a device; put what comes out of it into a file")
    if len(content) > max_bytes:
        return _broken(source, f"the file is larger than {max_bytes:,} bytes")
    return content


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; a name that nothing can have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _at_once(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody writes to would make the caller wait for ever."""
    return os.open(path, flags | os.O_NONBLOCK)


def _read(path: Path, source: str, max_bytes: int, parser: Callable[[str], Any]) -> Document:
    content = read_bytes(path, source, max_bytes)
    return content if isinstance(content, Document) else _parse(content, source, parser)


def _parse(content: bytes, source: str, parser: Callable[[str], Any]) -> Document:
    problems = []
    if content.startswith(_UTF8_BOM):
        content = content[len(_UTF8_BOM) :]
        problems.append(Problem(source, "$", "it begins with a byte order mark; save it as UTF-8 without BOM"))
    if not content.strip():
        return _broken(source, "the file is empty", problems)
    try:
        value = parser(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        return _broken(source, f"it is not UTF-8 text: byte {error.start + 1}", problems)
    except RecursionError:
        return _broken(source, "it is nested too deeply", problems)
    except ValueError as error:
        return _broken(source, str(error), problems)
    return _plain(source, value, problems)


def _broken(source: str, message: str, problems: list[Problem] | None = None) -> Document:
    return Document(source, None, (*(problems or []), Problem(source, "$", message)))


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Mapping, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        hint = next((hint for slip, hint in _SLIPS if re.match(slip, f"{error.msg}|{text[error.pos :]}")), "")
        raise ValueError(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno}){hint}") from error


def _whole_number(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"it holds a number of {len(text):,} digits; at most {MAX_DIGITS} can be right")
    return int(text)


def _parse_yaml(text: str) -> Any:
    import yaml  # slow to import, and not needed for JSON

    from cloudify_scipion.project.yaml_loader import loader

    try:
        return yaml.load(text, loader(_Mapping))  # noqa: S506  a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        reason = error.problem if mark is error.problem_mark else error.context
        raise ValueError(f"not YAML: {reason}{where}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {' '.join(str(error).split())}") from error


def _plain(source: str, value: Any, problems: list[Problem]) -> Document:
    """Look through the whole document for what neither format should hold."""
    if value is None:
        return _broken(source, "there is nothing in it", problems)
    for seen, (path, message) in enumerate(_faults("$", value, 0)):
        if message == _TOO_LARGE:
            return _broken(source, message, problems)
        if message:
            problems.append(Problem(source, path, message))
        if seen > MAX_VALUES:
            return _broken(source, f"it holds more than {MAX_VALUES:,} values", problems)
    return Document(source, value, tuple(problems))


_TOO_LARGE = "it is nested too deeply"


def _faults(path: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Yield every value's path, with a message where something is wrong with it."""
    if depth > 100:
        yield path, _TOO_LARGE
        return
    if isinstance(value, _Mapping):
        yield from _faults_of_mapping(path, value, depth)
    elif isinstance(value, list):
        yield path, ""
        for index, item in enumerate(value):
            yield from _faults(child_path(path, index), item, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, f"{value} is not a number that JSON knows"
    elif isinstance(value, str) and not _is_text(value):
        yield path, "this is not valid text (a lone surrogate)"
    elif not isinstance(value, str | int | float | None):
        yield path, f"YAML reads this as a {type(value).__name__}, which JSON does not have; quote it"
    else:
        yield path, ""


def _faults_of_mapping(path: str, value: _Mapping, depth: int) -> Iterator[tuple[str, str]]:
    yield path, ""
    for key in value.repeated:
        yield child_path(path, key), REPEATED
    for odd in value.not_text:
        yield path, f"the key {odd!r} is not text; quote it"
    for key, item in value.items():
        if not _is_text(key):
            yield path, f"the key {key!r} is not valid text (a lone surrogate)"
        yield from _faults(child_path(path, key), item, depth + 1)


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
