"""Files whose checksum the site states, from the deployment's inputs to the layer."""

from __future__ import annotations

from typing import Any

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.catalogue.pins.file import FILE, from_text
from cloudify_scipion.lifecycle.repair import repair_project
from tests.fakes.deployment import Deployment
from tests.fakes.world import World

A, B, C = "a" * 64, "b" * 64, "c" * 64
CTFFIND, CISTEM = "ctffind-5.0.2.tgz", "cistem-1.0.0-beta.tgz"
SITE = {"name": "this-machine", "provider": "local", "allow_discard": True}


def with_ctffind(world: World, files: dict[str, str], **inputs: Any) -> Deployment:
    """The demo with CTFFIND and what its plugin wants besides, on a site that states these files."""
    mirrors = {"em": {"url": "https://mirror.example.org/em", "files": {CISTEM: C, **files}}}
    packages = {"relion": "3.1.3", "ctffind": "5.0.2", "cistem": "1.0.0-beta"}
    plugins = {"scipion-em-relion": "4.0.20", "scipion-em-cistem": "3.10.1"}
    asked = {"plugins": plugins, "em_packages": packages, "site": {**SITE, "mirrors": mirrors}}
    return Deployment(world, {**asked, **inputs})


def told(world: World) -> str:
    """What Puppet's last software run was told to expect."""
    data: Any = [run for run in world.puppet.runs if run.run == "software"][-1].data
    sha256: str = data["em_package::packages"]["ctffind"]["sha256"]
    return sha256


def test_puppet_and_the_lock_have_the_sites_checksum(world: World) -> None:
    with_ctffind(world, {CTFFIND: A}).install()
    assert told(world) == A
    lock = from_text(world.services().projects.kept("relion-2d", FILE))
    assert lock.data["em_package::packages"]["ctffind"]["sha256"] == A


def test_no_layer_is_found_that_was_made_with_another_checksum(world: World) -> None:
    first = with_ctffind(world, {CTFFIND: A})
    first.install()
    layer = world.record().layer
    first.uninstall()
    other = with_ctffind(world, {CTFFIND: B})
    other.install()
    assert world.record().layer != layer and told(world) == B
    other.uninstall()
    world.progress.lines.clear()
    with_ctffind(world, {CTFFIND: A, "unused.tgz": B}).install()
    assert world.record().layer == layer and len(world.host.layers) == 2
    assert f"starting from the cached software layer {layer[:12]}" in world.progress.text


def test_while_it_is_installed_another_checksum_is_refused_and_repair_keeps_the_first(world: World) -> None:
    with_ctffind(world, {CTFFIND: A}).install()
    with pytest.raises(NonRecoverableError) as caught:
        with_ctffind(world, {CTFFIND: B}).operation("volume", "precreate")
    was, now = ({CISTEM: C, CTFFIND: sha256} for sha256 in (A, B))
    assert f"software.files: is {was}, asked for {now}" in str(caught.value)
    repair_project(world.services(), world.record())
    assert told(world) == A


def test_inputs_without_the_checksum_are_refused_before_anything_is_made(world: World) -> None:
    with pytest.raises(NonRecoverableError) as caught:
        with_ctffind(world, {}).operation("volume", "precreate")
    assert f'{CTFFIND}: "SHA256"' in str(caught.value)
    assert not world.known()


def test_authors_blueprints_are_not_installed_without_the_checksum_either(world: World) -> None:
    """They give no project document to check: what Puppet is to be told is the last that can be looked at."""
    deployment = with_ctffind(world, {CTFFIND: A})
    deployment.run([("volume", "precreate"), ("volume", "create")])
    with pytest.raises(NonRecoverableError, match=f"SHA-256 of {CTFFIND}, which ctffind needs"):
        with_ctffind(world, {}).operation("machine", "create")
    assert world.host.machines == {}
