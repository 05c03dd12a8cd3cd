"""Files of the state root, as earlier versions wrote them and as later ones may."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.adapters.local.folders import MachineFolder
from cloudify_scipion.adapters.local.layers import LayerCache
from cloudify_scipion.adapters.local.store import keep_downloads
from cloudify_scipion.adapters.local.volume_place import VolumePlace
from cloudify_scipion.adapters.local.volumes import LoopVolumes
from cloudify_scipion.adapters.progress import LineProgress
from cloudify_scipion.adapters.state import ProjectFolders
from cloudify_scipion.catalogue.pins.file import check_pins, from_text, to_text
from cloudify_scipion.errors import LaterFormat, PermanentError
from cloudify_scipion.lifecycle.authors import unpack_modules
from cloudify_scipion.lifecycle.record import FORMAT, Binding, Record, from_document, to_document
from tests.formats.kept import files, one

ID, NAME = "relion-2d", "scipion-relion-2d-fjpxvhcje7"
BINDING = Binding("0123abcd", "default_tenant", "relion-2d")

RECORDS = sorted((Path(__file__).parent / "records").glob("*.json"))
"""Records of the formats after the first, as each was first written."""


def record_of(kept: Path) -> Record:
    found = ProjectFolders(kept / "state").load(ID)
    assert found is not None
    return found


def later(path: Path) -> None:
    """What a later version may write in its place."""
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "format": 3}))


def volumes_of(kept: Path) -> LoopVolumes:
    (kept / "state/volumes" / f"{NAME}.img").touch()
    return LoopVolumes(kept / "state", LineProgress(print))


def layer_of(kept: Path) -> LayerCache:
    one(kept, "layer").parent.joinpath("root").mkdir()
    return LayerCache(kept / "state")


def test_the_record(kept: Path) -> None:
    record = record_of(kept)
    assert (record.project, record.binding, record.generation) == (ID, BINDING, 1)
    assert (record.machine, record.volume, record.volume_bytes) == (NAME, NAME, 2_000_000_000)
    assert (record.created, record.expires) == ("2026-01-01T00:00:18+00:00", "2026-01-15T00:00:18+00:00")
    assert record.ports == {"ssh": 20000, "desktop": 20001}
    assert [*record.settings["workflow"]["protocols"][0]][:2] == ["object.className", "object.id"]
    assert record.settings["site"]["provider"] == "local"
    assert record.seal["files"] == 5 and record.layer == one(kept, "layer").parent.name
    tags = json.loads(one(kept, "tags of a volume").read_text())
    assert record.volume_tags() == tags
    ProjectFolders(kept / "state").save(record)
    assert record_of(kept) == record


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_of_each_format_says_what_the_first_said(path: Path, kept: Path) -> None:
    """The newest is written as it stands here; the others are read as if they were it."""
    first, found = record_of(kept), from_document(json.loads(path.read_text()))
    assert replace(found, layer="", saved={}, events=(), settings={}, created="", expires="") == replace(
        first, layer="", saved={}, events=(), settings={}, created="", expires="", seal={}
    )
    document = to_document(found)
    assert document["format"] == FORMAT
    if path == RECORDS[-1]:
        assert json.loads(json.dumps(document)) == json.loads(path.read_text()) and path.stem == str(FORMAT)
    projects = ProjectFolders(kept / "state")
    projects.save(found)
    assert json.loads(one(kept, "record").read_text())["format"] == FORMAT and record_of(kept) == found


def test_the_lock_file(kept: Path) -> None:
    for path in files(kept, "lock file"):
        text = path.read_text()
        assert check_pins(text.encode(), str(path)) == []
        assert to_text(from_text(text)) == text
        assert from_text(text).software["em_packages"] == {"relion": "3.1.3"}


def test_the_modules_of_authors(kept: Path, tmp_path: Path) -> None:
    path, projects = one(kept, "modules of authors"), ProjectFolders(kept / "state")
    unpacked = unpack_modules(projects, ID, path.name, tmp_path / "to")
    assert unpacked and (unpacked / "mine/manifests/init.pp").read_text() == "class mine { }\n"
    for later in ("{", "[]", '{"a": {"of": "later"}}', '{"a": "no base64"}'):
        path.write_text(later)
        with pytest.raises(PermanentError, match=f"{path.name} of project 'relion-2d' cannot be read") as caught:
            unpack_modules(projects, ID, path.name, tmp_path / "other")
        assert "heal their node" in caught.value.next_step
    assert not (tmp_path / "other").exists()


def test_the_end_of_a_project(kept: Path) -> None:
    binding = Binding("0123abcd", "default_tenant", "first-2d")
    assert ProjectFolders(kept / "state").was_ended("first-2d", binding)
    assert not ProjectFolders(kept / "state").was_ended("first-2d", BINDING)


def test_the_installation_id(kept: Path) -> None:
    assert ProjectFolders(kept / "state").installation() == "0123abcd"


def test_the_machine(kept: Path) -> None:
    record = MachineFolder(kept / "state", NAME).record()
    assert record is not None
    assert (record.hostname, record.layer, record.base) == (ID, one(kept, "layer").parent.name, "b" * 64)
    assert record.tags == record_of(kept).tags()


def test_the_downloads_of_a_machine(kept: Path) -> None:
    path = one(kept, "downloads of a machine")
    assert list(keep_downloads(path.parent / "downloads", kept / "store", path)) == ["debs/relion_3.1.3-3_amd64.deb"]


def test_the_tags_of_a_volume(kept: Path) -> None:
    assert volumes_of(kept).look(NAME).tags == record_of(kept).volume_tags()


def test_the_place_of_the_volumes(kept: Path) -> None:
    VolumePlace(kept / "state").check()
    (kept / "state/volumes/.place").unlink()
    with pytest.raises(PermanentError, match="the volumes are not seen"):
        VolumePlace(kept / "state").check()


def test_the_layer(kept: Path) -> None:
    (facts,) = layer_of(kept).list()
    assert facts.contents == {
        "demo-particles": "1", "relion": "3.1.3", "scipion": "3.8.3", "scipion-em-relion": "4.0.20",
    }  # fmt: skip
    assert (facts.digest, facts.size_bytes) == (record_of(kept).layer, 4096)
    assert facts.used_by == (NAME,)


def test_the_base_system(kept: Path) -> None:
    """Nobody but a person reads it: the folder's name says all."""
    document = json.loads(one(kept, "base system").read_text())
    assert document["digest"] == one(kept, "base system").parent.name


LATER: dict[str, Callable[[Path], object]] = {
    "record": record_of,
    "machine": lambda kept: MachineFolder(kept / "state", NAME).record(),
    "tags of a volume": lambda kept: volumes_of(kept).look(NAME),
    "layer": lambda kept: layer_of(kept).list(),
}


@pytest.mark.parametrize("name", LATER)
def test_a_later_format_is_refused_with_its_name_and_stays(kept: Path, name: str) -> None:
    path = one(kept, name)
    later(path)
    before = path.read_bytes()
    with pytest.raises(
        LaterFormat, match=rf"{path.name} was written by a later version .*format 3.*up to [12]"
    ) as caught:
        LATER[name](kept)
    assert caught.value.next_step == "install that version again"
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", LATER)
def test_a_key_that_a_later_version_has_added_changes_nothing(kept: Path, name: str) -> None:
    before = LATER[name](kept)
    for leftover in kept.glob("state/cache/layers/*/root"):
        leftover.rmdir()
    path = one(kept, name)
    path.write_text(json.dumps({**json.loads(path.read_text()), "colour": {"of": "later"}}))
    assert LATER[name](kept) == before


def test_a_later_lock_file_is_refused(kept: Path) -> None:
    for path in files(kept, "lock file"):
        later(path)
        with pytest.raises(LaterFormat, match=r"software.lock.json was written by a later version"):
            from_text(path.read_text())
        (problem,) = check_pins(path.read_bytes(), str(path))
        assert "format 3 is not known" in problem.message


def test_a_later_record_is_in_no_other_projects_way(kept: Path) -> None:
    path = one(kept, "record")
    later(path)
    projects = ProjectFolders(kept / "state")
    other = Record("other", BINDING, ports={"ssh": 20005})
    projects.save(other)
    assert projects.of_deployment(BINDING) == [other]
    with pytest.raises(LaterFormat):
        projects.forget(ID)
    assert path.exists()


def test_an_end_that_a_later_version_wrote_proves_nothing(kept: Path) -> None:
    path = one(kept, "end of a project")
    path.write_text(json.dumps({**json.loads(path.read_text()), "why": "of later"}))
    binding = Binding("0123abcd", "default_tenant", "first-2d")
    assert not ProjectFolders(kept / "state").was_ended("first-2d", binding)


@pytest.mark.parametrize("text", ["", '{"format": 2, "id": "0123abcd"}', "\xff" * 8])
def test_an_installation_id_that_is_none_is_no_other_installation(kept: Path, text: str) -> None:
    path = one(kept, "installation id")
    path.write_text(text, encoding="latin-1")
    with pytest.raises(PermanentError, match="installation holds no installation id") as caught:
        ProjectFolders(kept / "state").installation()
    assert caught.value.next_step == "restore it from a backup"
    assert path.read_text(encoding="latin-1") == text


def test_downloads_that_a_later_version_noted(kept: Path) -> None:
    """They are in the store, whatever is noted: only the layer's own list of them begins anew."""
    path = one(kept, "downloads of a machine")
    path.write_text('[["debs", "relion"]]')
    assert keep_downloads(path.parent / "downloads", kept / "store", path) == {}


def test_another_place_of_the_volumes(kept: Path) -> None:
    (kept / "state/volumes.place").write_text('{"format": 3}')
    with pytest.raises(PermanentError, match="the volumes are not seen"):
        VolumePlace(kept / "state").check()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"digest": 3'])
def test_a_damaged_layer_is_named(kept: Path, text: str) -> None:
    one(kept, "layer").write_text(text)
    with pytest.raises(PermanentError, match=r"meta.json is damaged") as caught:
        layer_of(kept).list()
    assert caught.value.next_step.endswith("it is made anew")
