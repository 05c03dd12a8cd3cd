"""What is built carries everything: wheel, source distribution and wagon, used outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
VERSION = "0.1.0"
# Files that other people's code looks for, and one of each kind of data.
NEEDED = (
    "project/schema.json",
    "project/site_schema.json",
    "project/local_provider.json",
    "project/space_kinds/directory.json",
    "project/space_kinds/onedata.json",
    "catalogue/schema.json",
    "catalogue/pins/schema.json",
    "catalogue/data/scipion/3.8.3.yaml",
    "catalogue/data/requirements/scipion-3.8.3.txt",
    "catalogue/data/example_data/demo-particles-1.py",
    "blueprint/templates/blueprint.yaml.j2",
    "blueprint/templates/types.yaml",
    "py.typed",
    "_shipped/plugin.yaml",
    "_shipped/puppet/hiera.yaml",
    "_shipped/puppet/manifests/site.pp",
)

pytestmark = pytest.mark.packaging


def run(*words: object, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy of what is in the checkout, so that building leaves nothing behind in it."""
    copy = tmp_path_factory.mktemp("checkout") / "source"
    unwanted = shutil.ignore_patterns(
        ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", "fixtures"
    )
    shutil.copytree(ROOT, copy, symlinks=True, ignore=unwanted)
    return copy


@pytest.fixture(scope="module")
def dist(checkout: Path) -> Path:
    run(
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--skip-dependency-check",
        "--outdir",
        "dist",
        checkout,
        cwd=checkout,
    )
    return checkout / "dist"


@pytest.fixture(scope="module")
def python(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an empty virtual environment outside the checkout, with the wheel installed."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    wheel = dist / f"cloudify_scipion-{VERSION}-py3-none-any.whl"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    return python


def puppet_code() -> set[str]:
    found = [path.relative_to(ROOT / "puppet") for path in (ROOT / "puppet").rglob("*") if path.is_file()]
    return {str(path) for path in found if "spec" not in path.parts and not any(p.startswith(".") for p in path.parts)}


def test_the_wheel_carries_everything(dist: Path) -> None:
    names = zipfile.ZipFile(dist / f"cloudify_scipion-{VERSION}-py3-none-any.whl").namelist()
    assert {f"cloudify_scipion/{name}" for name in NEEDED} <= set(names)
    shipped = {name.removeprefix("cloudify_scipion/_shipped/puppet/") for name in names if "_shipped/puppet/" in name}
    assert shipped >= {name for name in puppet_code() if not name.endswith(("Rakefile", ".pyc"))}
    assert not [name for name in names if "/spec/" in name or name.startswith("tests/")]


def test_the_source_distribution_builds_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(dist / f"cloudify_scipion-{VERSION}.tar.gz") as archive:
        archive.extractall(tmp_path)
    source = tmp_path / f"cloudify_scipion-{VERSION}"
    run(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--skip-dependency-check",
        "--outdir",
        tmp_path,
        source,
        cwd=tmp_path,
    )
    name = f"cloudify_scipion-{VERSION}-py3-none-any.whl"
    again, first = (set(zipfile.ZipFile(folder / name).namelist()) for folder in (tmp_path, dist))
    assert again == first


def test_rendering_with_the_installed_wheel(python: Path, tmp_path: Path) -> None:
    command = python.with_name("cloudify-scipion")
    inputs = (
        "inputs/projects/relion-2d.json",
        "inputs/projects/relion-2d.workflow.json",
        "inputs/sites/this-machine.yaml",
    )
    for name in inputs:
        shutil.copy(ROOT / name, tmp_path)
    assert "ok" in run(command, "check", "relion-2d.json", "--site", "this-machine.yaml", cwd=tmp_path)
    run(command, "render", "relion-2d.json", "--site", "this-machine.yaml", "-o", "out", cwd=tmp_path)
    description = (tmp_path / "out" / f"cloudify-scipion-{VERSION}.plugin.yaml").read_bytes()
    assert description == (ROOT / "plugin.yaml").read_bytes()
    where = run(python, "-c", "import cloudify_scipion.resources as r; print(r.puppet_folder())", cwd=tmp_path)
    assert where.strip().endswith("site-packages/cloudify_scipion/_shipped/puppet")


def test_the_operations_resolve_in_the_installed_wheel(python: Path, tmp_path: Path) -> None:
    types = yaml.safe_load((ROOT / "plugin.yaml").read_text())["node_types"]
    names = set()
    for node_type in types.values():
        for operations in node_type.get("interfaces", {}).values():
            for operation in operations.values():
                text = operation["implementation"] if isinstance(operation, dict) else operation
                names.add(text.removeprefix("scipion."))
    code = "import importlib, sys\nfor name in sys.argv[1:]:\n    module, _, operation = name.rpartition('.')\n"
    code += "    getattr(importlib.import_module(module), operation)\n"
    run(python, "-c", code, *sorted(names), cwd=tmp_path)


def test_the_wagon_carries_the_wheel_and_what_it_needs(checkout: Path, python: Path, tmp_path: Path) -> None:
    run(python, "-m", "pip", "install", "--quiet", "wheel", cwd=tmp_path)
    run(python.with_name("wagon"), "create", checkout, "-o", tmp_path, cwd=tmp_path)
    (wagon,) = tmp_path.glob("cloudify_scipion-*.wgn")
    with zipfile.ZipFile(wagon) as archive:
        names = archive.namelist()
        (wheel,) = [name for name in names if f"cloudify_scipion-{VERSION}" in name]
        archive.extract(wheel, tmp_path)
    inside = set(zipfile.ZipFile(tmp_path / wheel).namelist())
    assert {f"cloudify_scipion/{name}" for name in NEEDED} <= inside
    assert any("cloudify_common-7.0.5" in name for name in names)
    assert not any("/cloudify-7" in name for name in names), "the command line `cfy` has no place on a manager"
