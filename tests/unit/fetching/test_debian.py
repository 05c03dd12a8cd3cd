"""What is installed, what apt knows, and a package's files without the package. apt and dpkg are the real ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cloudify_fetching.__main__ import VERBS

from tests.unit.fetching.rig import FILES, OwnApt, repository


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("debian") / "repository")


@pytest.fixture
def apt(tmp_path: Path, packages: Path) -> OwnApt:
    found = OwnApt(tmp_path / "apt")
    found.sources(f"file:{packages} ./")
    return found


def guard_holds(folder: Path, *lines: str) -> bool:
    """Whether two packages are installed where dpkg-query says that."""
    program = folder / "dpkg-query"
    program.write_text("#!/bin/sh\ncat <<END\n" + "\n".join(lines) + "\nEND\n")
    program.chmod(0o755)
    argv = [sys.executable, "-m", "cloudify_fetching", "installed", "relion=3.1.3-3+b1", "libc++1"]
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "PYTHONPATH": str(FILES)}
    return subprocess.run(argv, env=environment, check=False).returncode == 0


@pytest.mark.parametrize(
    ("lines", "holds"),
    [
        (["relion installed 3.1.3-3+b1", "libc++1 installed 1:14"], True),
        (["relion installed 3.1.3-3+b2", "libc++1 installed 1:14"], False),
        (["relion installed 3x1.3-3+b1", "libc++1 installed 1:14"], False),
        (["relion installed 3.1.3-3+b1", "libc++1 config-files 1:14"], False),
        (["relion config-files 3.1.3-3+b1", "libc++1 installed 1:14"], False),
        (["relion installed 3.1.3-3+b1", "libc++10 installed 1:14"], False),
        (["relion installed 3.1.3-3+b1"], False),
        (["relion not-installed ", "libc++1 installed 1:14"], False),
        ([], False),
    ],
)
def test_packages_are_installed_in_the_wanted_version_or_any(tmp_path: Path, lines: list[str], holds: bool) -> None:
    assert guard_holds(tmp_path, *lines) == holds


def test_a_version_is_known_when_a_source_has_it(apt: OwnApt) -> None:
    apt.run("known", "one=1.0", code=1)
    apt.run("update")
    apt.run("known", "one=1.0")
    apt.run("known", "one=1.1", code=1)


def test_a_source_is_added_where_apt_reads_them_and_only_its_lists_are_fetched(apt: OwnApt, tmp_path: Path) -> None:
    more = repository(tmp_path / "more", ["four"])
    source = tmp_path / "own.sources.list"
    source.write_text(f"deb [trusted=yes] file:{more} ./\n")
    apt.run("add-source", str(source))
    assert (apt.folder / "sources" / source.name).read_text() == source.read_text()
    apt.run("known", "four=1.0")
    apt.run("known", "one=1.0", code=1)
    apt.run("add-source", str(apt.folder / "sources" / source.name))  # it is there already


def test_a_source_without_lists_is_an_error(apt: OwnApt, tmp_path: Path) -> None:
    source = tmp_path / "own.list"
    source.write_text(f"deb [trusted=yes] file:{tmp_path}/none ./\n")
    assert "none" in apt.run("add-source", str(source), code=100)


def test_files_of_a_package_are_unpacked_complete_and_the_package_is_kept(apt: OwnApt, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "old").touch()
    (tmp_path / "home.part").mkdir()  # of an attempt that was cut off
    apt.run("unpack", "one=1.0", str(home), "content")
    assert sorted(path.name for path in home.iterdir()) == ["VERSION", "content"]
    assert (home / "VERSION").read_text() == "1.0\n" and (home / "content").stat().st_size == 100_000
    assert home.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in (apt.folder / "cache/archives").glob("*.deb")] == ["one_1.0_all.deb"]
    assert apt.here == []


def test_what_cannot_be_had_leaves_the_folder_as_it_is(apt: OwnApt, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "old").touch()
    assert "no longer have one 2.0" in apt.run("unpack", "one=2.0", str(home), "content", code=1)
    apt.run("unpack", "one=1.0", str(home), "not/there", code=1)
    assert [path.name for path in home.iterdir()] == ["old"]


def test_each_verb_is_explained(apt: OwnApt) -> None:
    lines = apt.run("--help").splitlines()
    assert all(any(line.startswith(f"fetch {verb} ") for line in lines) for verb in VERBS) and len(VERBS) == 8
