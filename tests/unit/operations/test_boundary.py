"""The border to Cloudify: what it hands over, what it gets back."""

from __future__ import annotations

import io
import tarfile
from types import SimpleNamespace
from typing import Any

import pytest
from cloudify.exceptions import NonRecoverableError, OperationRetry
from cloudify.state import current_ctx

from cloudify_scipion.errors import MachineUnreachable, PuppetFailed
from cloudify_scipion.lifecycle.authors import nodes_problem
from cloudify_scipion.lifecycle.project import update
from cloudify_scipion.lifecycle.repair import repair_project
from cloudify_scipion.operations import puppet, render
from tests.fakes.deployment import INSTALL, Deployment, services_from


def test_on_a_manager_a_temporary_failure_is_given_back_to_it(demo: Deployment) -> None:
    demo.run(INSTALL[:4])
    demo.local = False
    demo.world.puppet.errors = [MachineUnreachable("no answer", retry_after=70.0)] * 3
    with pytest.raises(OperationRetry) as caught:
        demo.operation("software", "create")
    assert caught.value.retry_after == 70
    assert demo.world.clock.seconds == 70  # once here, then it is the manager's turn


def test_a_permanent_failure_is_not_tried_again(demo: Deployment) -> None:
    demo.run(INSTALL[:4])
    demo.world.puppet.errors = [PuppetFailed("broken")]
    with pytest.raises(NonRecoverableError, match="broken"):
        demo.operation("software", "create")
    assert demo.world.clock.seconds == 0


def test_the_lock_is_taken_for_changes_and_not_for_questions(demo: Deployment) -> None:
    demo.install()
    demo.world.end_process()
    demo.check("machine")
    lock = demo.world.root / "locks/relion-2d"
    lock.write_text("")
    demo.check("desktop")
    assert lock.read_text() == ""
    demo.operation("volume", "create")
    assert "install of deployment relion-2d" in lock.read_text()


def test_questions_name_the_problem_and_the_way_out(demo: Deployment) -> None:
    for node in ("volume", "machine", "software", "working_copy", "scipion_project", "desktop"):
        with pytest.raises(NonRecoverableError, match="'relion-2d' of this deployment is not installed"):
            demo.check(node)
    assert not demo.world.root.joinpath("projects").exists()
    demo.install()
    for node in ("volume", "machine", "software", "working_copy", "scipion_project", "desktop", "seal"):
        assert demo.check(node) == {"status": "ok"}
    demo.world.host.reboot()
    for node in ("volume", "machine", "software", "working_copy", "scipion_project", "desktop"):
        with pytest.raises(NonRecoverableError, match="next: cloudify-scipion repair relion-2d"):
            demo.check(node)


def test_text_outside_ascii_arrives_as_it_was_written(demo: Deployment) -> None:
    demo.inputs = {"title": 'json:"Größe 🔬"'}
    demo.install()
    assert demo.world.record().settings["project"]["title"] == "Größe 🔬"
    (run,) = [run for run in demo.world.puppet.runs if "desktop" in run.classes and run.run == "project"]
    assert run.data["desktop::page_title"] == "Größe 🔬"


def modules() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("mine/manifests/init.pp")
        archive.addfile(entry, io.BytesIO())
    return buffer.getvalue()


def puppet_node(demo: Deployment, **changes: Any) -> SimpleNamespace:
    """An author's node beside the demo's."""
    record = demo.world.record()
    given = {"run": "project", "classes": ["mine"], "data": {"mine::x": 1}, "modules": "", **changes}
    settings = {"project": record.settings["project"], "site": record.settings["site"]}
    context = SimpleNamespace(
        logger=SimpleNamespace(info=print, warning=print),
        workflow_id="install",
        tenant_name=record.binding.tenant,
        deployment=SimpleNamespace(id=record.binding.deployment),
        node=SimpleNamespace(id="mine", properties={**settings, **given}),
        instance=SimpleNamespace(id="mine_1", runtime_properties={}, update=lambda: None, relationships=[]),
        get_resource=lambda _: modules(),
        _context={"local": True},
    )
    current_ctx.set(context)
    return context


@pytest.mark.parametrize(("resource", "sent"), [("", ()), ("modules.tar.gz", ("mine/manifests/init.pp",))])
def test_an_authors_classes(demo: Deployment, resource: str, sent: tuple[str, ...]) -> None:
    demo.install()
    puppet_node(demo, modules=resource)
    with services_from(demo.world.services):
        puppet.create()
        assert puppet.check_status() == {"status": "ok"}
        demo.world.host.reboot()
        with pytest.raises(NonRecoverableError, match="is not running"):
            puppet.check_status()
    run = demo.world.puppet.runs[-1]
    assert (run.run, run.classes, run.data, run.modules) == ("project", ("mine",), {"mine::x": 1}, sent)


def test_an_authors_classes_come_back_with_the_machine(demo: Deployment) -> None:
    """Its node says whether this machine has them, and a repair brings them back, from the record alone."""
    demo.install()
    world = demo.world
    puppet_node(demo, modules="modules.tar.gz")
    with services_from(world.services):
        puppet.create()
        world.host.lose_folder(world.record().machine)
        repair_project(world.services(), world.record())
        run = world.puppet.runs[-1]
        assert (run.classes, run.data, run.modules) == (("mine",), {"mine::x": 1}, ("mine/manifests/init.pp",))
        assert puppet.check_status() == {"status": "ok"}
        update(world.services(), world.record(), generation=7)  # another machine, made without them
        with pytest.raises(NonRecoverableError, match="node mine were not applied on this machine: .'mine'"):
            puppet.check_status()
        puppet.delete()
        assert nodes_problem(world.services(), world.record()) == ""
        with pytest.raises(NonRecoverableError, match="what node mine asks for is not known"):
            puppet.check_status()


def test_an_authors_classes_that_were_changed_are_not_there_before_they_are_applied(demo: Deployment) -> None:
    demo.install()
    world = demo.world
    puppet_node(demo)
    with services_from(world.services):
        puppet.create()
        puppet_node(demo, classes=["mine", "more"])
        world.puppet.errors = [PuppetFailed("broken")]
        with pytest.raises(NonRecoverableError, match="broken"):
            puppet.create()
        with pytest.raises(NonRecoverableError, match="node mine were not applied"):
            puppet.check_status()
        repair_project(world.services(), world.record())
        assert puppet.check_status() == {"status": "ok"}


def test_an_authors_software_makes_no_layer(demo: Deployment) -> None:
    demo.run(INSTALL[:4])
    puppet_node(demo, run="software")
    with services_from(demo.world.services):
        puppet.create()
    demo.operation("software", "create")
    assert demo.world.host.layers == {}


def render_node(document: object, workflow: object) -> SimpleNamespace:
    instance = SimpleNamespace(runtime_properties={}, update=lambda: None)
    site = {"name": "here", "provider": "local"}
    properties = {"project": document, "site": site, "workflow": workflow}
    current_ctx.set(SimpleNamespace(node=SimpleNamespace(properties=properties), instance=instance))
    return instance


def test_rendering_as_an_operation() -> None:
    document = {
        "id": "p1", "title": "T", "software": {"scipion": "3.8.3"}, "volume": {"size_gb": 2},
        "workflow": {"file": "not-beside-this-blueprint.json"},
    }  # fmt: skip
    instance = render_node(document, [{"object.className": "ProtImportMovies", "object.id": "1"}])
    render.create()
    files = instance.runtime_properties["files"]
    assert {"blueprint.yaml", "inputs.yaml", "workflow.json"} <= set(files)
    assert "ProtImportMovies" in files["workflow.json"]


def test_rendering_refuses_a_workflow_as_check_does() -> None:
    document = {"id": "p1", "title": "T", "software": {"scipion": "3.8.3"}, "volume": {"size_gb": 2}}
    render_node(document, [{"object.className": "ProtA", "object.id": "1"}])
    with pytest.raises(
        NonRecoverableError, match=r"workflow: \$\[0\].*no plugin of the catalogue has a protocol 'ProtA'"
    ):
        render.create()


@pytest.mark.parametrize("document", [{}, [], {"id": "p1"}, {"id": "P", "software": {"scipion": "9"}}])
def test_rendering_refuses_what_is_wrong(document: object) -> None:
    render_node(document, [])
    with pytest.raises(NonRecoverableError, match="problem"):
        render.create()
