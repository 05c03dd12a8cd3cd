"""The machine and its software layer."""

from __future__ import annotations

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.lifecycle.layer import software_layer
from cloudify_scipion.lifecycle.layout import TARGET
from cloudify_scipion.lifecycle.machine import machine_problem, stop_machine
from cloudify_scipion.lifecycle.repair import repair_project
from cloudify_scipion.lifecycle.software import ensure_software, software_problem
from tests.fakes.deployment import INSTALL, Deployment
from tests.fakes.inside import SCIPION
from tests.fakes.world import World


def captures(world: World) -> int:
    return sum(call.startswith("capture") for call in world.host.calls)


def software_runs(world: World) -> int:
    return sum(run.run == "software" for run in world.puppet.runs)


def test_the_first_software_run_leaves_a_layer(demo: Deployment) -> None:
    demo.install()
    world, record = demo.world, demo.world.record()
    assert captures(world) == 1
    assert [*world.host.layers] == [record.layer]
    assert world.host.layers[record.layer].contents == {
        "scipion": "3.8.3", "scipion-em-relion": "4.0.20", "relion": "3.1.3", "demo-particles": "1"
    }  # fmt: skip
    assert world.host.machines[record.machine].layer == record.layer
    assert world.host.machines[record.machine].running
    (run,) = [run for run in world.puppet.runs if run.run == "software"]
    assert run.classes == ("system", "scipion", "em_package", "desktop", "working_copy")
    assert not [text for text in ("relion-2d", "Relion 2D") if text in str(run.data)]


def test_the_next_project_starts_from_it(demo: Deployment) -> None:
    demo.install()
    world = demo.world
    second = Deployment(world, {"project_id": "second"}, name="second")
    second.install()
    assert world.record("second").layer == world.record().layer
    assert captures(world) == 1
    assert f"starting from the cached software layer {world.record().layer[:12]}" in world.progress.text
    assert "software run: nothing has changed since the last one" in world.progress.text
    assert [run.run for run in world.puppet.runs].count("software") == 1


def test_puppet_is_told_the_sites_mirrors_and_the_layer_is_the_same_without(demo: Deployment) -> None:
    demo.install()
    services, record = demo.world.services(), demo.world.record()
    urls = ["https://z.example.org/em", "https://a.example.org/em"]
    mirrors = {name: {"url": url} for name, url in zip(("z", "a"), urls, strict=True)}
    layer = software_layer(services, record.asking("site", {**record.settings["site"], "mirrors": mirrors}))
    assert layer.data["em_package::mirrors"] == urls
    assert layer.digest == record.layer


def test_other_modules_are_another_layer(demo: Deployment) -> None:
    demo.install()
    demo.world.puppet.digest = "n" * 64
    Deployment(demo.world, {"project_id": "second"}, name="second").install()
    assert len(demo.world.host.layers) == 2


def test_installed_again_with_newer_modules_nothing_is_captured(demo: Deployment) -> None:
    demo.install()
    demo.world.puppet.digest = "n" * 64
    demo.install()
    assert captures(demo.world) == 1


def test_never_a_layer_once_the_project_run_was_applied(demo: Deployment) -> None:
    """The desktop is healed on a machine that was made again from the base, before its software is."""
    demo.install()
    world = demo.world
    world.host.reboot()
    world.host.lose_folder(world.record().machine)
    world.host.layers.clear()
    demo.operation("machine", "heal")
    assert world.record().layer == ""
    demo.operation("desktop", "heal")
    demo.operation("software", "heal")
    assert world.host.layers == {}
    assert software_runs(world) == 2
    assert software_problem(world.services(), world.record()) == ""


def test_a_new_machine_may_leave_a_layer_again(demo: Deployment) -> None:
    demo.install()
    world = demo.world
    world.host.reboot()
    world.host.lose_folder(world.record().machine)
    world.host.layers.clear()
    demo.operation("machine", "heal")
    demo.operation("software", "heal")
    assert len(world.host.layers) == 1


def test_installing_twice_changes_nothing(demo: Deployment) -> None:
    demo.install()
    before = demo.world.facts()
    demo.world.progress.lines.clear()
    demo.install()
    assert demo.world.facts() == before
    assert "software run: nothing has changed since the last one" in demo.world.progress.text
    assert "project run: nothing has changed since the last one" in demo.world.progress.text
    assert demo.world.record().generation == 1


def test_an_install_makes_no_run_twice_that_is_known_and_whoever_heals_makes_all(demo: Deployment) -> None:
    demo.install()
    runs = demo.world.puppet.runs
    made = len(runs)
    demo.install()
    assert len(runs) == made
    for node in ("software", "working_copy", "desktop"):
        demo.operation(node, "heal")
        made += 1
        assert len(runs) == made
    repair_project(demo.world.services(), demo.world.record())
    assert [run.run for run in runs[made:]] == ["software", "project"]
    demo.world.puppet.digest = "n" * 64  # other code
    demo.install()
    assert [run.run for run in runs[made + 2 :]] == ["software", "project"]


def test_what_the_machine_is(demo: Deployment) -> None:
    demo.install()
    world, record = demo.world, demo.world.record()
    disk = world.host.machines[record.machine]
    assert disk.ports == {22: record.ports["ssh"], 6080: record.ports["desktop"]}
    assert all(20000 <= port <= 20999 for port in disk.ports.values())
    assert disk.tags == record.tags()
    assert disk.tags["generation"] == "1"
    assert disk.files["/etc/ssh/ssh_host_ed25519_key"] == b"host private"
    assert TARGET == "/home/scipion/ScipionUserData"


def test_problems_of_a_machine(demo: Deployment) -> None:
    demo.install()
    world, record = demo.world, demo.world.record()
    assert machine_problem(world.services(), record) == ""
    world.host.cut_network(record.machine)
    assert machine_problem(world.services(), record).endswith("has no network")
    stop_machine(world.services(), record)
    assert machine_problem(world.services(), record).endswith("is not running")
    stop_machine(world.services(), record)
    world.host.machines.clear()
    assert machine_problem(world.services(), record).endswith("does not exist")


def test_software_that_does_not_start(demo: Deployment) -> None:
    demo.install()
    world = demo.world
    world.broken[SCIPION] = "ModuleNotFoundError: scipion"
    problem = software_problem(world.services(), world.record())
    assert problem == f"Scipion does not start on {world.record().machine}: ModuleNotFoundError: scipion"


def test_other_software_for_an_existing_machine_is_refused_in_an_authors_blueprint_too(demo: Deployment) -> None:
    """There, no document is checked: the machine's own properties are."""
    demo.install()
    other = Deployment(demo.world, {"em_packages": {}})
    with pytest.raises(NonRecoverableError, match=r"software\.em_packages: is \{'relion': '3.1.3'\}, asked for \{\}"):
        other.operation("machine", "create")
    assert demo.world.record().settings["software"]["em_packages"] == {"relion": "3.1.3"}


def test_capture_that_fails_leaves_a_project_that_goes_on(demo: Deployment) -> None:
    demo.run(INSTALL[:4])
    world = demo.world
    services = world.services()
    ensure_software(services, world.record())
    assert world.record().layer
    assert world.host.machines[world.record().machine].running
