"""Indexes of Python packages that hang in every way: named with the file, soon, and the next one tried. pip is real."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path

import pytest

from tests.fakes.sick_mirror import HANGS, SLOW, refusing, sick_mirror, unreachable
from tests.unit.fetching.rig import FILES

NAMES = ("one", "two")
SICK = list(zip(HANGS, cycle(["/two/", "two-1.0-py3-none-any.whl"]), strict=False))
SICK_TOO = list(zip(HANGS, cycle(["one-1.0-py3-none-any.whl", "/one/"]), strict=False))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with two packages, and their requirements beside it."""
    folder = tmp_path_factory.mktemp("index")
    lines = []
    for name in NAMES:
        path = folder / f"simple/{name}/{name}-1.0-py3-none-any.whl"
        path.parent.mkdir(parents=True)
        info = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{name}/content", os.urandom(100_000))
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        (path.parent / "index.html").write_text(f'<a href="{path.name}#sha256={digest}">{path.name}</a>')
        lines.append(f"{name}==1.0 --hash=sha256:{digest}")
    (folder / "requirements.txt").write_text("\n".join(lines) + "\n")
    return folder


def download(folder: Path, index: Path, urls: Sequence[str], code: int = 0) -> tuple[str, str]:
    """What was said and what was reported."""
    main, *others = [f"{url}/simple" for url in urls]
    (folder / "pip.conf").write_text(f"[global]\nindex-url = {main}\nextra-index-url = {' '.join(others)}\n")
    own = {"PIP_CONFIG_FILE": str(folder / "pip.conf"), "PYTHONPATH": str(FILES), "no_proxy": "*"}
    own |= {"FETCHING_REPORT": str(folder / "report"), "FETCHING_PATIENCE": "1", "HOME": str(folder)}
    program = (
        "import sys; from cloudify_fetching.pip import download; sys.exit(download(sys.executable, sys.argv[1:], 2))"
    )
    options = ["--require-hashes", "--no-deps", "--no-cache-dir", "--dest", str(folder / "wheels")]
    argv = [sys.executable, "-c", program, *options, "--requirement", str(index / "requirements.txt")]
    environment = {"PATH": os.environ["PATH"], **own}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    report = folder / "report"
    return done.stdout + done.stderr, report.read_text() if report.exists() else ""


def wheels(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "wheels").glob("*"))


@pytest.mark.long
@pytest.mark.parametrize(("way", "sick"), SICK)
def test_the_only_index_hangs(tmp_path: Path, index: Path, way: str, sick: str) -> None:
    with sick_mirror(index, way, sick) as mirror:
        said, reported = download(tmp_path, index, [mirror.url.replace("//", "//me:pass-word@")], code=1)
    name = "its page of two" if sick == "/two/" else sick
    assert f"the mirror {mirror.place} does not give {name}" in said
    assert "next: " in said and "pip's configuration" in said and "Traceback" not in said
    assert "pass-word" not in said + reported
    assert len(said.splitlines()) <= 10, "the last ten lines are all that a report shows"


@pytest.mark.long
@pytest.mark.parametrize(("way", "sick"), SICK_TOO)
def test_the_next_index_is_tried(tmp_path: Path, index: Path, way: str, sick: str) -> None:
    with sick_mirror(index, way, sick) as bad, sick_mirror(index) as good:
        urls = [bad.url, good.url]
        download(tmp_path, index, urls if sick == "/one/" else urls[::-1])  # of two files pip takes the last one
        assert len(wheels(tmp_path)) == 2
    assert len([path for path in bad.asked if path == "/simple/two/"]) <= 1, "not package after package"


@pytest.mark.long
@pytest.mark.parametrize("dead", [refusing, unreachable])
def test_an_index_that_is_not_there(
    tmp_path: Path, index: Path, dead: Callable[[], AbstractContextManager[str]]
) -> None:
    with dead() as url, sick_mirror(index) as good:
        said, _ = download(tmp_path, index, [url, good.url])
        assert f"the mirror {url.removeprefix('http://')} does not give its page of one" in said
        assert len(wheels(tmp_path)) == 2


@pytest.mark.long
def test_no_index_is_there(tmp_path: Path, index: Path) -> None:
    with refusing() as one, refusing() as two:
        said, _ = download(tmp_path, index, [one, two], code=1)
        assert f"the mirror {two.removeprefix('http://')} does not give its page of one" in said and "next: " in said


def test_a_slow_index_is_no_dead_one(tmp_path: Path, index: Path) -> None:
    with sick_mirror(index, SLOW, "two-1.0-py3-none-any.whl") as mirror:
        _, reported = download(tmp_path, index, [mirror.url])
        assert f"two-1.0-py3-none-any.whl from {mirror.place}, " in reported
        assert "1 of 2 packages are there" in reported
