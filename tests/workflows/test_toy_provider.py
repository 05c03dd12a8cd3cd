"""A project on a site of a provider that the package does not know, through Cloudify's own engine.

All that was done for that provider is `registered`: where a rule of the package asked for more, these tests would fail.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from cloudify_scipion.errors import InputError
from cloudify_scipion.lifecycle.desktop import open_link
from cloudify_scipion.lifecycle.repair import repair_project
from cloudify_scipion.project.load import load_inputs
from tests.fakes.deployment import DEMO
from tests.fakes.world import World
from tests.toy.installation import SITE, ToyInstallation, registered
from tests.toy.machines import ToyHost
from tests.workflows.engine import Engine

RESULT = "Runs/result.mrc"


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[ToyInstallation]:
    with registered():
        installation = ToyInstallation(tmp_path / "state")
        yield installation
        installation.end_process()


@pytest.fixture
def engine(toy: ToyInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("CFY_WORKDIR", str(tmp_path / "cfy"))
    return Engine(cast(World, toy), tmp_path, SITE)


def host(toy: ToyInstallation) -> ToyHost:
    return toy.view.host


def users_file(toy: ToyInstallation) -> Path:
    """A result of the user's, on the volume."""
    return host(toy).root / "volumes" / toy.record().volume / "content/user" / RESULT


def lose_machine(toy: ToyInstallation) -> None:
    shutil.rmtree(host(toy).root / "run")
    shutil.rmtree(host(toy).machine(toy.record().machine))


def reboot(toy: ToyInstallation) -> None:
    shutil.rmtree(host(toy).root / "run")


def cut_network(toy: ToyInstallation) -> None:
    host(toy).network(toy.record().machine).unlink()


def test_install_and_uninstall(engine: Engine, toy: ToyInstallation) -> None:
    engine.install()
    record = toy.record()
    assert engine.states() == {"started"}
    outputs = engine.outputs()
    assert outputs["desktop_url"] == f"https://{record.machine}.toy.invalid:6080"
    assert outputs["ssh"] == f"{record.machine}.toy.invalid:22"
    assert (outputs["desktop_tls_fingerprint"], dict(record.ports)) == ("AB:CD", {})
    assert host(toy).disk(record.machine).joinpath("var/lib/dpkg/relion").read_text() == "3.1.3-3"
    users_file(toy).parent.mkdir()
    users_file(toy).write_bytes(b"volume data")
    engine.execute("uninstall")
    assert engine.states() == {"deleted"}
    assert not toy.known()
    saved = host(toy).root / "spaces/local/relion-2d" / RESULT
    assert saved.read_bytes() == b"volume data"
    provider = toy.services().provider({"provider": "toy", "shelf": "shelf-1"})
    assert [*host(toy).root.glob("machines/*")] == []
    assert (provider.volumes.all(), len(provider.layers.list())) == ({}, 1)


def test_a_link_leads_to_where_the_provider_says(engine: Engine, toy: ToyInstallation) -> None:
    engine.install()
    link = open_link(toy.services(), toy.record(), 60)
    assert link.url == f"https://{toy.record().machine}.toy.invalid:6080/#token=t0ken"


@pytest.mark.parametrize("harm", [lose_machine, reboot, cut_network])
@pytest.mark.parametrize("bring_back", ["heal", "repair"])
def test_heal_and_repair(
    engine: Engine, toy: ToyInstallation, harm: Callable[[ToyInstallation], None], bring_back: str
) -> None:
    engine.install()
    users_file(toy).parent.mkdir()
    users_file(toy).write_bytes(b"volume data")
    engine.execute("check_status")
    harm(toy)
    with pytest.raises(RuntimeError):
        engine.execute("check_status")
    if bring_back == "heal":
        engine.execute("heal")
    else:
        repair_project(toy.services(), toy.record())
    engine.execute("check_status")
    assert users_file(toy).read_bytes() == b"volume data"


def test_another_process_finds_all_that_one_has_made(engine: Engine, toy: ToyInstallation) -> None:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            engine.install()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    calls = len(toy.puppet.runs)
    engine.execute("check_status")
    engine.execute("install")
    assert (toy.record().generation, engine.states()) == (1, {"started"})
    assert [run.run for run in toy.puppet.runs[calls:] if run.run == "software"] == []
    engine.execute("uninstall")
    assert not toy.known()


def test_what_the_site_says_for_its_provider_is_checked(engine: Engine, toy: ToyInstallation, tmp_path: Path) -> None:
    for said, problem in (("toy", "$.shelf: this is the provider's name"), ("3", "$.shelf: 3 is not text")):
        site = tmp_path / "site.yaml"
        site.write_text(SITE.read_text().replace("shelf: shelf-1", f"shelf: {said}"))
        with pytest.raises(InputError, match=re.escape(problem)):
            load_inputs(DEMO, site)


def test_the_next_project_stands_on_the_layer_of_the_first(engine: Engine, toy: ToyInstallation) -> None:
    engine.install()
    second = {"project_id": "second", "data": {"project": {"source": "local:second"}}}
    runs = len(toy.puppet.runs)
    engine.install(second, "second")
    assert "software" not in [run.run for run in toy.puppet.runs[runs:]]
    assert toy.record("second").layer == toy.record().layer != ""
    assert host(toy).disk(toy.record("second").machine).joinpath("var/lib/dpkg/relion").read_text() == "3.1.3-3"


def test_nothing_is_left_of_it_in_a_state_root_without_projects(engine: Engine, toy: ToyInstallation) -> None:
    engine.install({"data": {}, "volume_at_end": "discard"})
    engine.execute("uninstall")
    provider = toy.services().provider({"provider": "toy", "shelf": "shelf-1"})
    provider.layers.clear()
    assert provider.remove_empty()
    assert not host(toy).root.exists()
