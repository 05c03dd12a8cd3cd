"""Mirrors of Debian that hang in every way: named with the file, soon, and the next one tried. apt is the real one."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path

import pytest

from tests.fakes.sick_mirror import HANGS, HEADERS, SILENT, SLOW, refusing, sick_mirror, unreachable
from tests.unit.fetching.rig import OwnApt, repository

SICK = list(zip(HANGS, cycle(["Packages", "two_1.0_all.deb"]), strict=False))
SICK_TOO = list(zip(HANGS, cycle([".deb", "Packages"]), strict=False))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("debian") / "repository")


@pytest.fixture
def apt(tmp_path: Path) -> OwnApt:
    return OwnApt(tmp_path / "apt")


def test_all_is_well(apt: OwnApt, packages: Path) -> None:
    with sick_mirror(packages) as mirror:
        apt.sources(f"{mirror.url} ./")
        apt.run("download", "one=1.0", "two")
    assert apt.here == ["one_1.0_all.deb", "two_1.0_all.deb"]


@pytest.mark.long
@pytest.mark.parametrize(("way", "sick"), SICK)
def test_the_only_mirror_hangs(apt: OwnApt, packages: Path, way: str, sick: str) -> None:
    with sick_mirror(packages, way, sick) as mirror:
        apt.sources(f"{mirror.url.replace('//', '//me:pass-word@')} ./")
        said = apt.run("download", "one", "two", "three", code=1)
        behind = {sick, "three_1.0_all.deb"} if sick.endswith(".deb") else {sick}  # apt asks for several at once
        named = re.search(rf"the mirror {mirror.place} does not give (\S+): ", said)
        assert named and named[1] in behind
        assert "next: " in said and "/etc/apt" in said
        assert re.search(rf"said: the mirror {mirror.place} does not give ({'|'.join(behind)})", apt.reported)
        assert "pass-word" not in said + apt.reported
        assert len([path for path in mirror.asked if path.endswith(".deb")]) < 10, "not file after file"


@pytest.mark.long
@pytest.mark.parametrize(("way", "sick"), SICK_TOO)
def test_the_next_mirror_is_tried(apt: OwnApt, packages: Path, way: str, sick: str) -> None:
    with sick_mirror(packages, way, sick) as bad, sick_mirror(packages, host="127.0.0.2") as good:
        apt.sources(f"{bad.url} ./", f"{good.url} ./")
        said = apt.run("download", "one", "two", "three")
        assert len(apt.here) == 3
        assert f"the mirror {bad.place} does not give" in said


@pytest.mark.long
@pytest.mark.parametrize("dead", [refusing, unreachable])
def test_a_mirror_that_is_not_there(
    apt: OwnApt, packages: Path, dead: Callable[[], AbstractContextManager[str]]
) -> None:
    with dead() as url, sick_mirror(packages, host="127.0.0.2") as good:
        apt.sources(f"{url} ./", f"{good.url} ./")
        apt.run("download", "one", "two", "three")
        assert len(apt.here) == 3


@pytest.mark.long
@pytest.mark.parametrize("dead", [refusing, unreachable])
def test_the_only_mirror_is_not_there(apt: OwnApt, dead: Callable[[], AbstractContextManager[str]]) -> None:
    with dead() as url:
        apt.sources(f"{url} ./")
        said = apt.run("download", "one", code=1)
        assert f"the mirror {url.removeprefix('http://')} does not give InRelease: " in said and "next: " in said


@pytest.mark.long
def test_a_mirror_that_hung_once_has_a_second_chance(apt: OwnApt, packages: Path) -> None:
    with sick_mirror(packages, HEADERS, "two_1.0_all.deb", times=1) as mirror:
        apt.sources(f"{mirror.url} ./")
        apt.run("download", "one", "two", "three")
        assert len(apt.here) == 3


def test_a_slow_mirror_is_no_dead_one(apt: OwnApt, packages: Path) -> None:
    with sick_mirror(packages, SLOW, "two_1.0_all.deb") as mirror:
        apt.sources(f"{mirror.url} ./")
        apt.run("download", "one", "two")
        assert "two_1.0_all.deb from " + mirror.place in apt.reported
        assert apt.reported.endswith("waiting: \n")


def test_a_version_that_is_gone_is_said_at_once_with_where_it_may_be(apt: OwnApt, packages: Path) -> None:
    with sick_mirror(packages) as mirror:
        apt.sources(f"{mirror.url} ./")
        said = apt.run("download", "one=0.9-1", "two=1.0", "four=2", code=1)
        assert "one 0.9-1 (there: 1.0); four 2 (there: none)" in said
        assert "two" not in said.split("next: ")[0].replace("two places", "")
        assert "--lock" in said and "snapshot" in said
        assert len([path for path in mirror.asked if path.endswith("/Packages")]) <= 2, "not tried again"
        assert not [path for path in mirror.asked if path.endswith(".deb")]


def test_a_release_that_no_mirror_gives_is_no_success(apt: OwnApt, packages: Path) -> None:
    with sick_mirror(packages, host="127.0.0.2") as mirror, refusing() as url:
        apt.sources(f"{mirror.url} ./", f"{url} bookworm main")
        said = apt.run("download", "one", code=1)
        assert url.removeprefix("http://") in said


@pytest.mark.long
def test_another_program_that_runs_apt_is_ended_when_its_mirror_hangs(apt: OwnApt, packages: Path) -> None:
    update = ["watch", "apt-get", "update", "-q", "-o", "Debug::pkgAcquire::Worker=1", "-o", "Acquire::Retries=1"]
    with sick_mirror(packages, SILENT, "Packages") as mirror:
        apt.sources(f"{mirror.url} ./")
        said = apt.run(*update, code=75)
        assert f"the mirror {mirror.place} does not give Packages: nothing came for 1 s" in said
    with sick_mirror(packages) as mirror:
        apt.sources(f"{mirror.url} ./")
        assert "%20" not in apt.run(*update)
