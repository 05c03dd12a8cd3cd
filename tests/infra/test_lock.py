"""The lock file on the real machine: the same set again, although catalogue and mirrors have moved on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cloudify_scipion.catalogue.entries import load
from cloudify_scipion.catalogue.entries.load import VARIABLE
from cloudify_scipion.catalogue.pins.file import check_pins, from_text
from tests.conftest import Demo
from tests.installation import SITE, Installation, remove, write_project

pytestmark = pytest.mark.machine

NAME = "locked-2d"
NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture(scope="module")
def lock(demo: Demo) -> str:
    """The demo's lock file, as the command prints it."""
    text = demo.installation.services().projects.kept(demo.project, "software.lock.json")
    printed = demo.installation.run("cloudify-scipion", "lock", demo.project)
    assert printed == text
    return text


@pytest.fixture
def moved_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue's RELION is another Debian version, and neither index nor mirror can be reached."""
    document = yaml.safe_load((load._DATA / "em_packages/relion.yaml").read_text())
    document["versions"]["3.1.3"]["apt"] = {"relion": "3.1.3-99"}
    own = tmp_path / "catalogue/em_packages/relion.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(yaml.safe_dump(document))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "catalogue"))
    for name in ("PIP_INDEX_URL", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, NOWHERE)


@pytest.fixture
def locked(demo: Demo, lock: str, moved_on: None, tmp_path: Path) -> Iterator[Installation]:
    """A project rendered with the lock, its workflow not run."""
    path = write_project(tmp_path, id=NAME, workflow={"run": False}, volume={"size_gb": 1})
    file, installation = tmp_path / "lock.json", demo.installation
    file.write_text(lock)
    out = str(installation.folder / NAME)
    installation.run("cloudify-scipion", "render", str(path), "--site", str(SITE), "--lock", str(file), "-o", out)
    yield installation
    remove(installation, NAME)


def test_a_lock_names_every_package_with_checksum_and_origin(demo: Demo, lock: str) -> None:
    assert check_pins(lock.encode(), "lock") == []
    assert "://" not in lock
    found = from_text(lock).installed
    dpkg = demo.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n"])
    listed = {line.removeprefix("installed ") for line in dpkg.splitlines() if line.startswith("installed ")}
    assert {f"{one.name} {one.version}" for one in found.apt if not one.unpacked} == listed
    assert [one.name for one in found.apt if one.unpacked] == ["novnc"]
    assert [one.name for one in found.apt if not one.sha256] == []
    assert {one.origin.partition("/")[0] for one in found.apt} == {"Debian"}
    pip = json.loads(demo.run(["/opt/scipion/venv/bin/python", "-m", "pip", "list", "--format", "json"]))
    assert {(one.name, one.version) for one in found.python} == {(one["name"], one["version"]) for one in pip}
    assert [one.name for one in found.python if not one.sha256] == ["pip"]
    for name, digest in from_text(lock).store_files().items():
        kind, file = name.split("/")
        assert (demo.installation.root / "store" / kind / digest / file).is_file()


def test_the_locked_set_is_installed_from_the_store_alone(locked: Installation, lock: str) -> None:
    files = from_text(lock).store_files()
    wheel = next(name for name in files if name.startswith("wheels/numpy-"))
    kept = locked.root / "store/wheels" / files[wheel] / wheel.removeprefix("wheels/")
    away = kept.rename(kept.with_suffix(".away"))
    refusal = locked.install(NAME, code=None)
    assert f"the store lacks 1 of the lock file's files: {kept.name}" in refusal
    services = locked.services()
    assert not services.of(locked.record(NAME)).machines.look(locked.record(NAME).machine).exists
    away.rename(kept)
    log = locked.again(NAME)
    assert "Puppet applies the locked run" in log
    assert services.projects.kept(NAME, "software.lock.json") == lock
    installed = locked.shell(NAME).run(["dpkg-query", "-W", "-f", "${Version}", "relion"]).stdout
    assert installed == "3.1.3-3+b1"
    assert locked.record(NAME).layer not in ("", locked.record("relion-2d").layer)
