"""Lock files on fakes: written by an install, and the same set again although the defaults have moved on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.entries.methods import Apt
from cloudify_scipion.catalogue.pins.file import FILE, from_text, text_digest
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle import layer
from cloudify_scipion.lifecycle.layer import ASKED_FILE
from cloudify_scipion.lifecycle.repair import repair_project
from tests.fakes import deployment
from tests.fakes.deployment import INSTALL, Deployment
from tests.fakes.ports import RELION
from tests.fakes.world import World

OLD, NEW = "3.1.3-3", "3.1.3-4"


def lock_of(world: World, project: str = "relion-2d") -> str:
    return world.services().projects.kept(project, FILE)


@pytest.fixture
def locked(demo: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """The demo locked and uninstalled, its layer gone; index and catalogue moved on; rendered again with the lock."""
    demo.install()
    text = lock_of(demo.world)
    demo.uninstall()
    demo.world.host.layers.clear()
    demo.world.host.default = NEW
    catalogue = load_catalogue()
    relion = catalogue.em_packages["relion"]["3.1.3"]
    bumped = {"relion": {"3.1.3": replace(relion, method=replace(cast(Apt, relion.method), apt={"relion": NEW}))}}
    monkeypatch.setattr(layer, "load_catalogue", lambda: replace(catalogue, em_packages=bumped))
    monkeypatch.setattr(deployment, "LOCK", text.encode())
    deployment.planned.cache_clear()
    yield Deployment(demo.world)
    deployment.planned.cache_clear()


def installed(world: World) -> str:
    return world.services().connect(world.record()).files()[RELION].decode()  # type: ignore[attr-defined, no-any-return]


def test_an_install_leaves_its_lock_with_project_layer_and_deployment(demo: Deployment) -> None:
    demo.install()
    text = lock_of(demo.world)
    lock = from_text(text)
    assert lock.software["em_packages"] == {"relion": "3.1.3"}
    assert sorted(lock.store_files()) == [
        f"debs/relion_{OLD}_amd64.deb",
        "wheels/scipion_pyworkflow-3.8.3-py3-none-any.whl",
    ]
    assert "://" not in text
    assert demo.world.host.layers[demo.world.record().layer].pins == text
    assert demo.runtime["software"] == {"software_lock": text, "software_lock_sha256": text_digest(text)}


def test_a_project_on_a_cached_layer_has_the_layers_lock(demo: Deployment) -> None:
    demo.install()
    text = lock_of(demo.world)
    demo.uninstall()
    demo.world.host.default = NEW
    demo.install()
    assert lock_of(demo.world) == text


def test_without_the_lock_the_new_default_is_installed(locked: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "LOCK", b"")
    deployment.planned.cache_clear()
    locked.install()
    assert installed(locked.world) == NEW


def test_the_lock_brings_the_old_set_back(locked: Deployment) -> None:
    locked.install()
    assert installed(locked.world) == OLD
    assert lock_of(locked.world).encode() == deployment.LOCK
    run = [run for run in locked.world.puppet.runs if run.run != "project"][-1]
    assert run.run == "locked"
    assert run.data["em_package::packages"]["relion"]["apt"] == {"relion": "3.1.3-3+b1"}  # type: ignore[index]
    assert run.data["em_package::mirrors"] == []


def test_its_layer_is_another_than_without_the_lock(locked: Deployment) -> None:
    locked.install()
    digest = locked.world.record().layer
    record = locked.world.record()
    asked = {**record.settings["software"], "lock": ""}
    assert digest != layer.software_layer(locked.world.services(), record.asking("software", asked)).digest
    assert digest == layer.software_layer(locked.world.services(), record).digest
    other = deployment.LOCK.decode().replace("2" * 64, "3" * 64)  # other files, and Puppet is told the same
    services = locked.world.services()
    services.projects.keep(record.project, layer.ASKED_FILE, other)
    asked = {**record.settings["software"], "lock": text_digest(other)}
    assert digest != layer.software_layer(services, record.asking("software", asked)).digest


def test_files_that_are_gone_are_all_named_before_anything_is_made(locked: Deployment) -> None:
    locked.world.host.store.clear()
    with pytest.raises(NonRecoverableError) as failed:
        locked.run(INSTALL[:1])
    assert f"the store lacks 2 of the lock file's files: relion_{OLD}_amd64.deb, scipion_pyworkflow" in str(
        failed.value
    )
    assert not locked.world.host.volumes
    assert not locked.world.host.machines
    kept = locked.world.services().projects.kept("relion-2d", ASKED_FILE)
    assert kept == "", "what is refused is not kept: it would stand in the place of what a rescue needs"


def test_another_base_system_is_said(locked: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "LOCK", deployment.LOCK.replace(b"b" * 64, b"e" * 64))
    deployment.planned.cache_clear()
    locked.run(INSTALL[:1])
    assert "the base's own packages may differ" in locked.world.progress.text


def test_something_else_than_the_lock_is_refused_and_no_layer_is_kept(locked: Deployment) -> None:
    locked.run(INSTALL[:4])
    disk = locked.world.host.machines[locked.world.record().machine]
    disk.files[RELION] = NEW.encode()
    with pytest.raises(NonRecoverableError, match=f"relion: {NEW} .amd64. instead of {OLD}"):
        locked.operation("software", "create")
    assert not locked.world.host.layers


def test_a_lock_that_is_no_lock_stops_the_install(locked: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "LOCK", json.dumps({"format": 7}).encode())
    deployment.planned.cache_clear()
    with pytest.raises(NonRecoverableError, match=r"\$.format: format 7 is not known"):
        locked.run(INSTALL[:1])


def test_repair_needs_no_blueprint_and_notices_a_lost_lock(locked: Deployment) -> None:
    locked.install()
    locked.world.end_process()
    services, record = locked.world.services(), locked.world.record()
    locked.world.host.lose_folder(record.machine)
    locked.world.host.layers.clear()
    assert repair_project(services, record).layer
    assert installed(locked.world) == OLD
    services.projects.keep("relion-2d", layer.ASKED_FILE, "")
    with pytest.raises(PermanentError, match="is gone or was changed"):
        repair_project(services, locked.world.record())
