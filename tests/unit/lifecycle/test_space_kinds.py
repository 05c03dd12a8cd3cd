"""A kind of data space is one room: a third one takes part in everything as soon as it is registered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.cli.main import main
from cloudify_scipion.errors import PermanentError, TokenRefused
from cloudify_scipion.lifecycle.layer import software_layer
from cloudify_scipion.lifecycle.repair import repair_project
from cloudify_scipion.lifecycle.rescue import rescue
from cloudify_scipion.lifecycle.space import MOUNTS
from cloudify_scipion.lifecycle.working_copy import renew_token, save
from cloudify_scipion.project.schema import schema
from cloudify_scipion.project.space_kinds.onedata import OneData
from cloudify_scipion.project.spaces import KINDS, spaces_from_document
from tests.fakes.agent import CONFIG
from tests.fakes.deployment import Deployment
from tests.fakes.world import World
from tests.toy.bucket import FOLDER, JOURNAL, REFUSED, BucketPuppet, in_bucket, mounts_by_restart, register

PACKAGE = Path(__file__).resolve().parents[3] / "cloudify_scipion"
ADDRESS = "https://buckets.example.org"
SITE: dict[str, Any] = {
    "name": "here", "provider": "local",
    "data_spaces": {"facility": {"kind": "bucket", "address": ADDRESS, "credentials": "of-the-site"}},
}  # fmt: skip
DATA = {"project": {"source": "facility:p/1"}, "datasets": [{"source": "facility:raw", "mount": "/data/raw"}]}


@pytest.fixture(autouse=True)
def third(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from register(monkeypatch)


@pytest.fixture
def stored(world: World, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A project whose data lie in a bucket, not yet installed."""
    world.puppet = BucketPuppet()
    world.secrets.values["of-the-site"] = "2030"
    in_bucket(world.host, ADDRESS, "raw").files["movie"] = b"raw"
    in_bucket(world.host, ADDRESS, "p/1").files["old"] = b"results"
    mounts_by_restart(monkeypatch)
    return Deployment(world, {"site": SITE, "data": DATA})


def check(folder: Path, space: dict[str, Any], secrets: dict[str, str]) -> Result:
    project = {"id": "p1", "title": "P", "software": {"scipion": "3.8.3"}, "volume": {"size_gb": 1}, "data": DATA}
    (folder / "p.json").write_text(json.dumps(project | ({"secrets": secrets} if secrets else {})))
    (folder / "s.yaml").write_text(json.dumps({**SITE, "data_spaces": {"facility": {"kind": "bucket", **space}}}))
    return CliRunner().invoke(main, ["check", str(folder / "p.json"), "--site", str(folder / "s.yaml")])


def test_what_the_files_may_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDIFY_SCIPION_STATE", str(tmp_path / "state"))
    good = {"address": ADDRESS, "credentials": "of-the-site"}
    result = check(tmp_path, good, {})
    assert result.exit_code == 0, result.output
    assert "the data space facility needs the secret of-the-site, which is not known here" in result.stdout
    wrong = check(tmp_path, {"root": "/srv/x"}, {}).stderr
    assert "$.data_spaces.facility.address: this is missing: kind is bucket" in wrong
    assert "$.data_spaces.facility.root: this has no effect: kind is bucket" in wrong
    assert "$.secrets.bucket_credentials: this is missing: the data space 'facility' needs credentials" in wrong
    assert "address: this is not encrypted" in check(tmp_path, {**good, "address": "http://x"}, {}).stderr
    other = check(tmp_path, {"kind": "directory", "address": ADDRESS}, {}).stderr
    assert "$.data_spaces.facility.address: this has no effect: kind is directory" in other
    (tmp_path / "state/secrets").mkdir(parents=True)
    (tmp_path / "state/secrets/p1.mine").write_text("1999")
    (tmp_path / "state/secrets/p1.mine").chmod(0o600)
    early = check(tmp_path, {"address": ADDRESS}, {"bucket_credentials": "p1.mine"})
    assert early.exit_code == 2
    assert "$.secrets.bucket_credentials: the credentials end before the project" in early.stderr


def test_the_schemas_say_so() -> None:
    keys = schema("site")["properties"]["data_spaces"]["additionalProperties"]["properties"]
    assert keys["kind"]["enum"] == ["directory", "onedata", "bucket"] and keys["kind"]["default"] == "directory"
    assert keys["kind"]["description"].endswith(" onedata: a space of OneData. bucket: a bucket behind an address.")
    secrets = schema("project")["properties"]["secrets"]
    assert secrets["examples"] == [{"onedata_token": "krios-0420.onedata", "bucket_credentials": "krios-0420.bucket"}]


def test_a_whole_life(stored: Deployment) -> None:
    world = stored.world
    stored.install()
    record = world.record()
    assert software_layer(world.services(), record).classes[-1] == "bucket"
    (run,) = [run for run in world.puppet.runs if run.run == "project"]
    assert run.classes == ("system", "bucket", "working_copy", "desktop")
    mounts = run.data["bucket::mounts"]
    assert mounts == {
        "project": {"address": ADDRESS, "path": "p/1", "mountpoint": "/srv/scipion-space/project"},
        "dataset-1": {"address": ADDRESS, "path": "raw", "mountpoint": "/data/raw"},
    }
    machine = world.host.machines[record.machine]
    assert {machine.files[f"{FOLDER}/{name}"] for name in mounts} == {b"2030"}
    assert json.loads(machine.files[CONFIG])["space"] == {
        "kind": "bucket", "path": "/srv/scipion-space/project", "verify": "", "mounted": True, "syncs_whole": False,
        "grant": "whoever owns the bucket lets the credentials write",
    }  # fmt: skip
    assert world.host.volumes[record.volume].files["old"] == b"results"
    world.write("mine", b"results")
    save(world.services(), record)
    assert in_bucket(world.host, ADDRESS, "p/1").files["mine"] == b"results"
    stored.uninstall()
    assert not world.host.machines and not world.host.volumes


@pytest.mark.parametrize("way", ["heal", "repair"])
def test_a_lost_mount_comes_back_as_the_kind_says(stored: Deployment, way: str) -> None:
    stored.install()
    world = stored.world
    world.host.machines[world.record().machine].lost = "/data/raw hangs"
    with pytest.raises(NonRecoverableError, match="/data/raw hangs"):
        stored.check("working_copy")
    before, sent = len(world.host.calls), len(world.sent)
    stored.operation("working_copy", "heal") if way == "heal" else repair_project(world.services(), world.record())
    assert stored.check("working_copy") == {"status": "ok"}
    assert f"stop {world.record().machine}" not in world.host.calls[before:]
    restarts = [words for words, _ in world.sent[sent:] if words[:2] == ("systemctl", "restart")]
    assert ("systemctl", "restart", "bucket@project.service", "bucket@dataset-1.service") in restarts


def test_what_keeps_a_mount_from_being_there_is_what_the_kind_says(stored: Deployment) -> None:
    stored.world.secrets.values["of-the-site"] = REFUSED.decode()
    with pytest.raises(NonRecoverableError, match="the bucket says: no entry"):
        stored.install()
    world = stored.world
    world.secrets.values["of-the-site"] = "2031"
    stored.install()
    disk = world.host.machines[world.record().machine]
    assert disk.files.pop(JOURNAL) == b"no entry"
    world.secrets.values["of-the-site"] = REFUSED.decode()
    renew_token(world.services(), world.record())
    assert disk.files[f"{FOLDER}/project"] == REFUSED
    with pytest.raises(TokenRefused, match="no entry"):
        repair_project(world.services(), world.record())


def test_a_rescue_has_the_client(stored: Deployment) -> None:
    stored.install()
    world = stored.world
    world.write("mine", b"results")
    world.host.reboot()
    world.host.lose_folder(world.record().machine)
    world.host.layers.clear()
    rescue(world.services(), world.record())
    (run,) = [run for run in world.puppet.runs if run.run == "software" and "scipion" not in run.classes]
    assert run.classes == ("system", "working_copy", "bucket") and run.data == {"bucket::install": True}
    assert in_bucket(world.host, ADDRESS, "p/1").files["mine"] == b"results"


def test_secrets_that_are_not_good(stored: Deployment) -> None:
    stored.world.secrets.values["of-the-site"] = "1999"
    with pytest.raises(NonRecoverableError, match="secret 'of-the-site' of a data space: the credentials end before"):
        stored.operation("volume", "precreate")
    assert not stored.world.host.volumes


def test_kinds_that_need_secrets_are_named(demo: Deployment) -> None:
    demo.install()
    with pytest.raises(PermanentError) as caught:
        renew_token(demo.world.services(), demo.world.record())
    assert caught.value.next_step == "only data spaces of OneData and buckets need one"


def test_what_an_older_version_took_in_a_site_file_is_passed_over() -> None:
    told = {"kind": "onedata", "provider": "p", "repository": {"suite": "s"}, "token": "t", "onezone": "z"}
    (space,) = spaces_from_document({"data_spaces": {"a": told}}).values()
    assert space == OneData("a", secret="t", provider="p", repository={"suite": "s"})  # noqa: S106 - a name


def test_both_tables_have_the_same_kinds() -> None:
    assert list(KINDS) == list(MOUNTS) == ["directory", "onedata", "bucket"]
    assert [kind.KIND for kind in KINDS.values()] == [mounts.KIND for mounts in MOUNTS.values()] == list(KINDS)


NAMES = re.compile(r"(?i:onedata|oneclient|oneprovider|macaroon)|[\"']directory[\"']|\bDirector(y|ies)|\bDIRECTORY\b")
"""What a module says that names a kind of data space."""
MAY = {
    "project/spaces.py": re.compile(r"from \S+\.space_kinds\.|KINDS: "),
    "lifecycle/space.py": re.compile(r"from \S+\.space_kinds\.|MOUNTS: "),
    "agent/config.py": re.compile(r".*# machines were told the kind alone before$"),
}
"""Beside the kinds' rooms, lines that may: the two tables, and how an old machine's configuration is read."""


def named(package: Path) -> Iterator[str]:
    """Lines of a package, outside the rooms of kinds, that name one."""
    for path in sorted(path for ending in ("py", "json", "j2") for path in package.rglob(f"*.{ending}")):
        name = str(path.relative_to(package))
        if "space_kinds/" in name or "/data/" in name:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if NAMES.search(line) and not (name in MAY and MAY[name].match(line)):
                yield f"{name}:{number}"


def test_nothing_but_its_room_names_a_kind() -> None:
    assert list(named(PACKAGE)) == []


def test_what_names_a_kind_is_found(tmp_path: Path) -> None:
    lines = ["import os", 'if kind == "directory":', "from x.space_kinds.onedata import OneData", "KINDS: OneData"]
    (tmp_path / "project").mkdir()
    for name in ("project/spaces.py", "project/other.py"):
        (tmp_path / name).write_text("\n".join(lines))
    assert list(named(tmp_path)) == [f"project/other.py:{number}" for number in (2, 3, 4)] + ["project/spaces.py:2"]
