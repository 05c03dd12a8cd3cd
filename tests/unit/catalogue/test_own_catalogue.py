"""An operator's own catalogue folder, laid over the one that is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudify_scipion.catalogue.entries import load
from cloudify_scipion.catalogue.entries.load import VARIABLE, load_catalogue
from cloudify_scipion.catalogue.entries.methods import Archive
from cloudify_scipion.catalogue.software.resolve import resolve
from cloudify_scipion.errors import InputError
from cloudify_scipion.project.model import Software

DATA = Path(load.__file__).parents[1] / "data"
MINE = "name: mine\nkind: em_package\nversions:\n  '1': {method: apt, apt: {mine: '1'}, home: /opt/em/mine-1}\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "catalogue"
    (folder / "em_packages").mkdir(parents=True)
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


def test_own_entries_stand_beside_the_shipped_ones(own: Path) -> None:
    (own / "em_packages/mine.yaml").write_text(MINE)
    chosen = resolve(Software("3.8.3", {}, {"mine": "1", "relion": "3.1.3"}), load_catalogue())
    assert [package.name for package in chosen.em_packages] == ["mine", "relion"]
    assert {"mine", "relion"} <= set(load_catalogue().em_packages)


def test_an_own_version_wins_and_the_others_stay(own: Path) -> None:
    text = MINE.replace("mine", "relion")
    (own / "em_packages/relion.yaml").write_text(text + "  3.1.3: {method: apt, apt: {x: '2'}, home: /opt/em/x}\n")
    versions = load_catalogue().em_packages["relion"]
    assert {"1", "3.1.3"} <= set(versions) and versions["3.1.3"].method.home == "/opt/em/x"


def test_an_own_scipion_goes_before_the_shipped_one_of_that_version(own: Path) -> None:
    (own / "scipion").mkdir()
    (own / "requirements").mkdir()
    (own / "requirements/mine.txt").write_text("")
    text = (DATA / "scipion/3.8.3.yaml").read_text().replace("scipion-3.8.3.txt", "mine.txt")
    (own / "scipion/3.8.3.yaml").write_text(text)
    assert load_catalogue().scipion["3.8.3"].requirements == ""


def test_what_is_wrong_in_an_own_file_is_said(own: Path) -> None:
    (own / "em_packages/mine.yaml").write_text(MINE.replace("apt: {mine: '1'}, ", ""))
    with pytest.raises(InputError, match=r"em_packages/mine\.yaml.*apt"):
        resolve(Software("3.8.3", {}, {"mine": "1"}), load_catalogue())


@pytest.mark.parametrize("name", ["none", "n" * 300, "em_packages/mine.yaml/x"])
def test_an_own_folder_that_is_none_is_said(own: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(VARIABLE, f"{own}/{name}")
    with pytest.raises(InputError, match="' is no folder"):
        load_catalogue()


def test_a_file_may_go_without_its_checksum_and_only_what_is_listed_says_why(own: Path) -> None:
    fetched = MINE.replace("apt, apt: {mine: '1'}", "archive, file: mine.tgz")
    (own / "em_packages/mine.yaml").write_text(fetched)
    (own / "em_packages/other.yaml").write_text(fetched.replace("mine", "other").replace("{method", "{why: it, method"))
    entry = load_catalogue().em_packages["mine"]["1"]
    assert entry.installable and entry.method == Archive("/opt/em/mine-1", file="mine.tgz")
    with pytest.raises(InputError) as caught:
        load_catalogue().em_packages["other"]
    assert [str(problem) for problem in caught.value.problems] == [
        "catalogue/em_packages/other.yaml: $.versions['1'].why: 'it' is not allowed. Only what is `listed` has it."
    ]
