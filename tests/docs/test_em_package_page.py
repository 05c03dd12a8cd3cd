"""docs/add-an-em-package.md, followed by the letter; tests/infra/test_methods.py installs what comes out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cloudify_scipion.catalogue.entries.load import VARIABLE, load_catalogue, read_folders
from cloudify_scipion.catalogue.software.puppet_data import puppet_data
from cloudify_scipion.catalogue.software.resolve import resolve
from cloudify_scipion.cli.main import main
from cloudify_scipion.project.model import Software
from tests.docs.own_catalogue import PAGE, block, write_catalogue
from tests.docs.pages import ROOT, documented_commands, text
from tests.installation import SITE, write_project


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_catalogue(tmp_path / "my-catalogue")
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


def test_the_page_has_one_yaml_file_for_an_archive_and_one_more_for_pip(catalogue: Path) -> None:
    written = sorted(str(path.relative_to(catalogue)) for path in catalogue.rglob("*.*"))
    assert written == ["em_packages/emfile.yaml", "em_packages/mrcfile.yaml", "requirements/emfile-0.3.0.txt"]
    assert f"export {VARIABLE}=$PWD/my-catalogue" in documented_commands(PAGE)


def test_what_the_page_writes_resolves(catalogue: Path) -> None:
    chosen = resolve(Software("3.8.3", {}, {"mrcfile": "1.5.4", "emfile": "0.3.0"}), load_catalogue())
    told = puppet_data(chosen)["em_package::packages"]
    assert (told["mrcfile"]["method"], told["mrcfile"]["strip"]) == ("archive", 1)
    assert told["emfile"]["requirements"] == block("# requirements/emfile-0.3.0.txt")


def test_a_project_with_it_is_checked(catalogue: Path, tmp_path: Path) -> None:
    packages = json.loads("{" + block('"em_packages": {"relion": "3.1.3", "mrcfile": "1.5.4"}') + "}")
    project = write_project(tmp_path, software=packages)
    site = tmp_path / "site.yaml"
    site.write_text(SITE.read_text() + block("# site"))
    checked = CliRunner().invoke(main, ["check", str(project), "--site", str(site)])
    assert checked.exit_code == 0, checked.output
    (catalogue / "em_packages/mrcfile.yaml").write_text(
        block("# em_packages/mrcfile.yaml").replace("strip: 1", "strip: x")
    )
    read_folders.cache_clear()  # another process would read the file anew
    refused = CliRunner().invoke(main, ["check", str(project), "--site", str(site)])
    assert refused.exit_code == 2
    assert "em_packages/mrcfile.yaml" in refused.output and "strip: 'x' is not a whole number" in refused.output


def test_every_field_of_the_page_is_one_of_the_schema() -> None:
    rules = json.loads((ROOT / "cloudify_scipion/catalogue/schema.json").read_text())["$defs"]["em_package"]
    known = rules["properties"]["versions"]["additionalProperties"]["properties"]
    named = [line.split("`")[1] for line in text(PAGE).splitlines() if line.startswith("| `")]
    assert len(named) > 5 and set(named) <= set(known)
    methods = yaml.safe_load(block("# em_packages/emfile.yaml"))["versions"]["0.3.0"]["method"]
    assert methods in known["method"]["enum"]
