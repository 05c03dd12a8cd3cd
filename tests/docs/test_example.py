"""The author's example: a blueprint that adds a node to a rendered one, and a module that Puppet takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT, documented_commands
from tests.docs.test_run import harmless, run, workshop

pytestmark = pytest.mark.long

__all__ = ["workshop"]

EXAMPLE = ROOT / "blueprints/puppet-class"
needs_puppet = pytest.mark.skipif(shutil.which("puppet") is None, reason="puppet is not installed")


@pytest.fixture
def plan(workshop: Path) -> Mapping[str, Any]:
    """What Cloudify makes of the example after its README's commands."""
    from dsl_parser.parser import parse_from_path
    from dsl_parser.tasks import prepare_deployment_plan

    run(workshop, list(filter(harmless, documented_commands("blueprints/puppet-class/README.md"))))
    found = parse_from_path(str(workshop / "build/with-notes/with-notes.yaml"))
    result: Mapping[str, Any] = prepare_deployment_plan(found)
    return result


def test_the_example_adds_one_node(plan: Mapping[str, Any], workshop: Path) -> None:
    nodes = {node["name"]: node for node in plan["nodes"]}
    assert set(nodes) == {
        "volume", "machine", "software", "working_copy", "scipion_project", "desktop", "seal", "notes"
    }  # fmt: skip
    notes = nodes["notes"]
    assert "cloudify.nodes.scipion.Puppet" in notes["type_hierarchy"]
    assert notes["properties"]["project"]["id"] == "relion-2d"
    assert notes["properties"]["site"]["provider"] == "local"
    assert notes["operations"]["cloudify.interfaces.lifecycle.create"]["operation"].endswith("puppet.create")
    with tarfile.open(workshop / "build/with-notes" / notes["properties"]["modules"]) as archive:
        names = archive.getnames()
    assert all(f"{module}/manifests/init.pp" in names for module in notes["properties"]["classes"])
    keys = notes["properties"]["data"]
    assert all(key.split("::")[0] in notes["properties"]["classes"] for key in keys)


@needs_puppet
def test_the_module_applies(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    code = f"class {{ 'facility_notes': text => 'Room 2.17', path => '{note}' }}"
    assert puppet(tmp_path, "-e", code) == 2
    assert note.read_text(encoding="utf-8") == "Room 2.17\n"


@needs_puppet
def test_an_authors_classes_are_applied_alone(tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(ROOT / "puppet", code, ignore=shutil.ignore_patterns("spec"))
    data = {"classes": ["facility_notes"], "facility_notes::text": "x", "facility_notes::path": f"{tmp_path}/note.txt"}
    (code / "data/run.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    config = [f"--hiera_config={code}/hiera.yaml", str(code / "manifests/site.pp")]
    assert puppet(tmp_path, "--noop", *config, run="software", modules=str(code / "modules")) == 0


def puppet(folder: Path, *arguments: str, run: str = "project", modules: str = "") -> int:
    """Exit code of `puppet apply --detailed-exitcodes`, with the example's modules."""
    path = ":".join(filter(None, [str(EXAMPLE / "modules"), modules, "/usr/share/puppet/modules"]))
    (folder / "var/state").mkdir(parents=True, exist_ok=True)  # where facts of the host are hidden, Puppet makes none
    own = {"FACTER_cloudify_scipion_run": run, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    command = ["puppet", "apply", "--detailed-exitcodes", f"--modulepath={path}", f"--vardir={folder}/var"]
    done = subprocess.run(
        [*command, *arguments], env={**os.environ, **own}, capture_output=True, text=True, timeout=120, check=False
    )
    print(done.stdout, done.stderr)
    return done.returncode
