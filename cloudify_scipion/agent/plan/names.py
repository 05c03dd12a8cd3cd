"""Names that we give in the data space. Paths are bytes, relative, with `/` between their parts."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator

RESERVED = b".cloudify-scipion"
"""Our own folder at the top of the project's folder in the data space."""
LEASE = RESERVED + b"/lease"
MANIFEST = RESERVED + b"/manifest"
ODD = RESERVED + b"/odd"
TEMPORARY = RESERVED + b"/tmp"
TRASH = RESERVED + b"/trash"
KEPT, THEIRS = TRASH + b"/kept", TRASH + b"/theirs"
"""Where versions go that nobody of us wrote, from the first pull and from later: they do not expire."""
ORIGINAL, STRANGER = 0, -1
"""Who wrote a file if no generation of ours did: the facility before the first pull, or somebody since."""
PART = RESERVED + b"-part-"
"""How the names of unfinished files begin that must lie beside what they are to become."""
MAX_NAME = 255
"""Longest name of Linux's file systems, in bytes."""
BESIDE = (b"-wal", b"-journal", b"-shm")
"""How the names of the files end that SQLite keeps beside a database."""
_MAX_QUOTED, _MORE = 200, 16
"""Bytes of a name in the trash, and of what tells several of them apart."""
_PLAIN = re.compile(rb"[A-Za-z0-9._ +,=@-]")
_QUOTED = re.compile(rb"((?:[A-Za-z0-9._ +,=@-]|%[0-9A-F]{2})+)(~link)?(?:~\d+)?")


def joined(folder: bytes, name: bytes) -> bytes:
    """The path of `name` in `folder`; the top is empty."""
    return folder + b"/" + name if folder else name


def split(path: bytes) -> tuple[bytes, bytes]:
    """A path as (folder, name): the reverse of `joined`."""
    folder, _, name = path.rpartition(b"/")
    return folder, name


def whole_way(path: bytes) -> Iterator[bytes]:
    """The folders above a path, from the top, and itself; nothing for the top. Depth has no limit."""
    at = path.find(b"/")
    while at >= 0:
        yield path[:at]
        at = path.find(b"/", at + 1)
    if path:
        yield path


def readable(text: str) -> str:
    """A text with names in it, for people: bytes that are no UTF-8, and what is no printable character, as \\xNN."""
    whole = os.fsencode(text).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in whole)


def is_reserved(path: bytes) -> bool:
    """Whether a path of the working copy would lie in our own folder of the data space, or be taken for unfinished."""
    return RESERVED in path and (path.split(b"/")[0] == RESERVED or any(map(is_part, path.split(b"/"))))


def is_part(name: bytes) -> bool:
    """Whether a name is that of an unfinished file of ours that lies beside what it is to become."""
    return name.startswith(PART) and generation_of(name[len(PART) :]) > 0


def leads_down(path: bytes) -> bool:
    """Whether a path leads from a folder to something below it."""
    return not {b"", b".", b".."} & set(path.split(b"/")) and b"\0" not in path


def is_text(path: bytes) -> bool:
    """Whether a path is valid UTF-8, as some data spaces want it."""
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def odd_path(path: bytes) -> bytes:
    """Where the content of a path lies whose name the data space cannot hold; the manifest knows the name."""
    return ODD + b"/" + hashlib.sha256(path).hexdigest().encode()


def base_of(path: bytes) -> bytes:
    """The database that a path such as `X-wal` would belong to, empty for other paths."""
    base = next((path[: -len(end)] for end in BESIDE if path.endswith(end)), b"")
    return base if split(base)[1] else b""


def conflict_name(path: bytes, stamp: str, number: int = 1, word: str = "conflict", longest: int = MAX_NAME) -> bytes:
    """`NAME.conflict-STAMP` beside `path`, cut where it would be too long; `number` tells several apart."""
    folder, name = split(path)
    end = f".{word}-{stamp}".encode() + (b"" if number == 1 else b"-%d" % number)
    return joined(folder, _cut(name, longest - len(end)) + end)


def trash_folder(hour: str, origin: int) -> bytes:
    """The folder of replaced and deleted versions: by hour for what generation `origin` wrote, else by who wrote it."""
    if origin > 0:
        return TRASH + b"/" + f"{hour}-g{origin}".encode()
    return KEPT if origin == ORIGINAL else THEIRS


def origin_of(path: bytes) -> int:
    """Whose version lies at a path in the trash: a generation of ours, ORIGINAL (also where that is in doubt) or
    STRANGER."""
    found = re.match(re.escape(TRASH) + rb"/[0-9T]+-g(\d+)/", path)
    return int(found[1]) if found else STRANGER if path.startswith(THEIRS + b"/") else ORIGINAL


def trash_name(path: bytes, number: int = 1, link: bool = False, longest: int = MAX_NAME) -> bytes:
    """One readable name for a whole path: `/` and odd bytes as %XX; long ones are cut in front and get a digest.

    `number` tells versions apart. `link`: what lies there is a file that holds where a link pointed to.
    """
    quoted = b"".join(byte if _PLAIN.match(byte) else b"%%%02X" % ord(byte) for byte in _bytes(path))
    if base_of(path):  # else SQLite would take it for what belongs to an earlier version of the database beside it
        quoted = b"%2D".join(quoted.rsplit(b"-", 1))
    if quoted.endswith((b".", b" ")):
        quoted = quoted[:-1] + b"%%%02X" % quoted[-1]
    most = min(_MAX_QUOTED, longest - _MORE)
    if len(quoted) > most:
        digest = hashlib.sha256(path).hexdigest()[:16].encode()
        quoted = digest + b"..." + quoted[-(most - 19) :]
    return quoted + (b"~link" if link else b"") + (b"" if number == 1 else b"~%d" % number)


def path_in_trash(name: bytes) -> bytes:
    """The path that a name in the trash stands for; of a long one only its end is known, of others' the name."""
    name = split(name)[1]
    found = _QUOTED.fullmatch(name)
    if not found:
        return name
    path = re.sub(rb"%([0-9A-F]{2})", lambda byte: bytes([int(byte[1], 16)]), found[1])
    cut = re.match(rb"[0-9a-f]{16}\.\.\.", path)
    return split(path)[1] if cut or not leads_down(path) or is_reserved(path) else path


def is_link_in_trash(name: bytes) -> bool:
    """Whether a file in the trash holds where a link pointed to."""
    found = _QUOTED.fullmatch(split(name)[1])
    return bool(found and found[2])


def temporary_name(generation: int, nonce: str) -> bytes:
    """The name of an unfinished upload; its generation tells whose it is."""
    return f"g{generation:08d}-{nonce}".encode()


def generation_of(name: bytes) -> int:
    """The generation in such a name or in that of a lease, 0 if there is none."""
    found = re.match(rb"g(\d{8})-", name)
    return int(found[1]) if found else 0


def _bytes(path: bytes) -> list[bytes]:
    return [path[i : i + 1] for i in range(len(path))]


def _cut(name: bytes, length: int) -> bytes:
    """At most `length` bytes of it, never half a character."""
    cut = name[:length]
    while cut and cut != name and not is_text(cut) and is_text(name):
        cut = cut[:-1]
    return cut
