"""How machines are made on this host is known in `adapters/local` alone: no other module says a word of it."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "cloudify_scipion"
ROOM = PACKAGE / "adapters/local"
WORDS = re.compile(
    r"127\.0\.0\.1|::1\b|loopback|nspawn|slirp|losetup|/dev/loop|loop[ _-]?(device|mount)|publish\w*[ _](\w+ )?port"
    r"|port_is_free|mounted on (the|this) host",
    re.IGNORECASE,
)
PROGRAMS = {"mount", "umount", "unshare", "nsenter", "mmdebstrap"}
"""What only a provider runs on this host. Use cases name some of them, too: their machine's shell runs those."""


def lines_with_its_words(source: str, runs_programs: bool = False) -> Iterator[str]:
    """Lines of a module in whose names, texts or comments a word of the local provider stands."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        said = token.string
        if WORDS.search(said) or (runs_programs and said.strip("frb'\"") in PROGRAMS and said not in PROGRAMS):
            yield f"{token.start[0]}: {said.splitlines()[0]}"


def test_only_the_local_provider_says_how_it_works() -> None:
    modules = [path for path in sorted(PACKAGE.rglob("*.py")) if ROOM not in path.parents]
    said = {
        str(path.relative_to(ROOT)): found
        for path in modules
        if (found := [*lines_with_its_words(path.read_text(), PACKAGE / "adapters" in path.parents)])
    }
    assert len(modules) > 200
    assert said == {}


@pytest.mark.parametrize(
    "source",
    [
        'URL = f"http://127.0.0.1:{port}"',
        "from cloudify_scipion.adapters.local import nspawn_argv",
        'def f():\n    """Return when it answers through its published port."""',
        "# its loop device is free",
        'run(["umount", point])',
    ],
)
def test_a_word_of_it_is_found(source: str) -> None:
    assert len([*lines_with_its_words(source, runs_programs=True)]) == 1


def test_a_machine_may_be_told_to_mount() -> None:
    assert not [*lines_with_its_words('shell.run(["mount", "-o", "remount,bind,rw", TARGET])')]
