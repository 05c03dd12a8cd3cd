"""Each method that installs EM packages, from a project file to the program on a real machine.

`apt` and `generate` are the demo's. Here the packages of docs/add-an-em-package.md are installed (`archive`: mrcfile;
`pip`: emfile), and ProDy by Scipion's `installb` through its real plugin, all from a catalogue folder of the test's
own. ProDy's SHA-256 is in the site file, the others' are in the catalogue.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloudify_scipion.adapters.local.access import PATIENCE
from cloudify_scipion.catalogue.entries.load import VARIABLE
from cloudify_scipion.catalogue.pins.file import FILE, from_text
from cloudify_scipion.errors import PuppetFailed
from cloudify_scipion.lifecycle.facts import PuppetResult
from cloudify_scipion.lifecycle.layer import SoftwareLayer, software_layer
from cloudify_scipion.lifecycle.ports import Shell
from tests.docs.own_catalogue import write_catalogue
from tests.fakes.sick_mirror import SILENT, sick_mirror
from tests.infra.mirror import host_address, mirror, source_archive, with_files
from tests.installation import SITE, Installation, remove

pytestmark = pytest.mark.machine

NAME = "methods"
EM = "/opt/em"
PLUGIN = """
name: scipion-em-prody
kind: plugin
versions:
  "3.3.0":
    scipion: ["3.8.3"]
    requirements: scipion-em-prody-3.3.0.txt
    em_packages: {prody: ["2.4.1"]}
    proof: installed
"""
PLUGIN_REQUIREMENTS = """
scipion-em-prody==3.3.0 --hash=sha256:5d5da4c87f3f8ebc28e50c77af40e630667080fda2359d7ba0f61b27a717469e
threadpoolctl==3.1.0 --hash=sha256:8b99adda265feb6773280df41eece7b2e6561b772d21ffd52e372f999024907b
"""
PACKAGE = """
name: prody
kind: em_package
versions:
  "2.4.1":
    method: installb
    file: prody-2.4.1.tgz
    home: /opt/em/prody-2.4.1
    proof: installed
"""


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Methods:
    """A machine with a package of each method, and where its archives came from."""

    installation: Installation
    url: str
    log: str

    @property
    def shell(self) -> Shell:
        return self.installation.shell(NAME)

    @property
    def layer(self) -> SoftwareLayer:
        return software_layer(self.installation.services(), self.installation.record(NAME))

    def apply(self, packages: Mapping[str, object], mirrors: list[str]) -> PuppetResult:
        """A software run of EM packages alone."""
        data = {"em_package::packages": packages, "em_package::mirrors": mirrors}
        services = self.installation.services()
        return services.puppet.apply(self.shell, services.provider({}).access, "software", ["em_package"], data)

    def packages(self, **changes: object) -> dict[str, dict[str, Any]]:
        """What Puppet was told of the downloaded packages, with other values."""
        told: Any = self.layer.data["em_package::packages"]
        return {name: {**told[name], **changes} for name in ("mrcfile", "emfile", "prody")}

    def exists(self, *paths: str) -> list[str]:
        return [path for path in paths if self.shell.run(["test", "-e", path], expect=(0, 1)).code == 0]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mirror's folder.

    Both are real releases. ProDy's has two empty files more: by them its Scipion plugin sees that the steps that
    want conda and the internet are done, so that only unpacking and linking remain.
    """
    folder = tmp_path_factory.mktemp("mirror") / "em"
    folder.mkdir()
    (folder / "mrcfile-1.5.4.tar.gz").write_bytes(source_archive("mrcfile", "mrcfile-1.5.4.tar.gz"))
    flags = {f"ProDy-2.4.1/{name}": b"" for name in ("prody_2.4.1_installed", "openmm_installed")}
    prody = with_files(source_archive("prody", "ProDy-2.4.1.tar.gz"), flags)
    (folder / "prody-2.4.1.tgz").write_bytes(prody)
    return folder


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's folder, and in it ProDy with its plugin."""
    folder = write_catalogue(tmp_path_factory.mktemp("catalogue"))
    (folder / "plugins").mkdir()
    (folder / "plugins/scipion-em-prody.yaml").write_text(PLUGIN)
    (folder / "em_packages/prody.yaml").write_text(PACKAGE)
    (folder / "requirements/scipion-em-prody-3.3.0.txt").write_text(PLUGIN_REQUIREMENTS)
    return folder


@pytest.fixture(scope="module")
def methods(
    installation: Installation, archives: Path, catalogue: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Methods]:
    folder = tmp_path_factory.mktemp("methods")
    with mirror(archives) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(catalogue))
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, host_address(), prepend=",")
        files = {"prody-2.4.1.tgz": sha256_of(archives / "prody-2.4.1.tgz")}
        mirrors = {"one-that-is-broken": {"url": f"{url}/nothing-here"}, "a-good-one": {"url": url, "files": files}}
        site = folder / "site.yaml"
        site.write_text(yaml.safe_dump({**yaml.safe_load(SITE.read_text()), "mirrors": mirrors}, sort_keys=False))
        packages = {"mrcfile": "1.5.4", "emfile": "0.3.0", "prody": "2.4.1"}
        software = {"scipion": "3.8.3", "plugins": {"scipion-em-prody": "3.3.0"}, "em_packages": packages}
        project = folder / f"{NAME}.json"
        volume = {"size_gb": 1, "at_end": "discard"}
        project.write_text(json.dumps({"id": NAME, "title": "Methods", "software": software, "volume": volume}))
        try:
            installation.render(project, site)
            yield Methods(installation, url, installation.install(NAME))
        finally:
            layer = installation.services().projects.load(NAME)
            remove(installation, NAME)
            if layer and layer.layer:
                installation.services().of(layer).layers.remove(layer.layer)


def test_an_archive(methods: Methods) -> None:
    python = ["env", f"PYTHONPATH={EM}/mrcfile-1.5.4", "/opt/scipion/venv/bin/python", "-c"]
    program = "import mrcfile, numpy; mrcfile.new('/tmp/x.mrc', numpy.ones((2, 3), 'f4')).close()"
    program += "; print(mrcfile.__file__, mrcfile.__version__, mrcfile.validate('/tmp/x.mrc'))"
    said = methods.shell.run([*python, program]).stdout.splitlines()  # the check itself has something to say, too
    assert said[-1].split() == [f"{EM}/mrcfile-1.5.4/mrcfile/__init__.py", "1.5.4", "True"]


def test_pip(methods: Methods) -> None:
    program = "import emfile, numpy; emfile.write('/tmp/x.em', numpy.ones((2, 3, 4), 'f4'), overwrite=True)"
    program += "; print(emfile.__file__, emfile.read('/tmp/x.em')[1].shape)"
    said = methods.shell.run([f"{EM}/emfile-0.3.0/bin/python", "-c", program]).stdout
    assert said.startswith(f"{EM}/emfile-0.3.0/lib/") and said.endswith("(2, 3, 4)\n")


def test_installb(methods: Methods) -> None:
    made = "/opt/scipion/software/em/ProDy-2.4.1"
    assert methods.shell.run(["readlink", "-f", f"{EM}/prody-2.4.1"]).stdout.strip() == made
    assert "__version__ = '2.4.1'" in methods.shell.run(["cat", f"{EM}/prody-2.4.1/prody/__init__.py"]).stdout
    listed = methods.shell.run(["/opt/scipion/bin/scipion", "installb", "--help"]).stdout
    line = next(line for line in listed.splitlines() if line.startswith("prody "))
    assert "2.4.1   [X]" in line, "Scipion itself takes it for installed"
    assert not methods.exists("/opt/scipion/software/em/prody-2.4.1.tgz")


def test_the_checksum_of_the_site_file(methods: Methods, archives: Path) -> None:
    sha256 = sha256_of(archives / "prody-2.4.1.tgz")
    assert methods.shell.run(["cat", f"{EM}/prody-2.4.1.installed"]).stdout == sha256
    lock = from_text(methods.installation.services().projects.kept(NAME, FILE))
    assert lock.store_files()["archives/prody-2.4.1.tgz"] == sha256
    assert lock.data["em_package::packages"]["prody"]["sha256"] == sha256


def test_the_second_run_changes_nothing(methods: Methods) -> None:
    services, layer = methods.installation.services(), methods.layer
    access = services.provider({}).access
    assert services.puppet.apply(methods.shell, access, "software", layer.classes, layer.data).changed == []


def test_mirrors_are_tried_in_the_order_of_the_site_file(methods: Methods) -> None:
    assert methods.layer.data["em_package::mirrors"] == [f"{methods.url}/nothing-here", methods.url]


def test_the_layer_says_nothing_of_the_mirror(methods: Methods) -> None:
    record = methods.installation.record(NAME)
    folder = methods.installation.root / "cache/layers" / record.layer
    needle = methods.url.removeprefix("http://").encode()
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 100 and not [path for path in files if needle in path.read_bytes()]
    assert needle.decode() not in methods.log


def test_a_file_that_no_mirror_has(methods: Methods) -> None:
    wrong = {"mrcfile": {**methods.packages()["mrcfile"], "sha256": "0" * 64}}
    mirrors = [f"http://user:pass-word@{methods.url.removeprefix('http://')}/none", "file:///srv/none", methods.url]
    with pytest.raises(PuppetFailed) as caught:
        methods.apply(wrong, mirrors)
    said = str(caught.value)
    assert "mrcfile-1.5.4.tar.gz could not be fetched" in said and "it has another file of that name" in said
    assert "requested URL returned error: 404" in said and "the folder /srv/none" in said
    assert "pass-word" not in said
    assert methods.exists(f"{EM}/mrcfile-1.5.4/mrcfile"), "the old one stays until there is a new one"


def test_a_mirror_that_hangs_is_named_while_the_next_one_is_tried(
    methods: Methods, archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PATIENCE, "2")
    methods.shell.run(["rm", "-rf", "/var/cache/cloudify-scipion/archives", f"{EM}/mrcfile-1.5.4"])
    with sick_mirror(archives, SILENT, host=host_address()) as bad:
        methods.apply({"mrcfile": methods.packages()["mrcfile"]}, [bad.url, methods.url])
        assert bad.asked == ["/mrcfile-1.5.4.tar.gz"]
    told = f"  mrcfile-1.5.4.tar.gz could not be fetched from {bad.place}: nothing came for 2 s"
    assert told in methods.installation.lines
    assert methods.exists(f"{EM}/mrcfile-1.5.4/mrcfile")


def test_an_exact_version_of_debian_that_is_gone(methods: Methods) -> None:
    package = {"nano": {"version": "1", "method": "apt", "home": f"{EM}/nano-1", "apt": {"nano": "0.1-1"}}}
    with pytest.raises(PuppetFailed) as caught:
        methods.apply(package, [])
    said = str(caught.value)
    assert "Debian's mirrors no longer have nano 0.1-1 (there: " in said and "--lock" in said and "snapshot" in said


def test_all_of_it_can_be_removed_and_comes_back_from_a_folder(methods: Methods, archives: Path) -> None:
    traces = [f"{EM}/mrcfile-1.5.4", f"{EM}/emfile-0.3.0", f"{EM}/emfile-0.3.0.txt", f"{EM}/prody-2.4.1"]
    traces += [
        f"{EM}/prody-2.4.1.installed",
        *(f"/opt/scipion/software/em/{name}-2.4.1" for name in ("prody", "ProDy")),
    ]
    assert methods.exists(*traces) == traces
    gone = methods.packages(ensure="absent")
    methods.apply(gone, [])
    assert methods.exists(*traces) == []
    assert methods.apply(gone, []).changed == []
    # A mirror that is a folder on the machine; what was downloaded before went to the store with the layer.
    shell = methods.shell
    shell.run(["rm", "-rf", "/var/cache/cloudify-scipion/archives"])
    for path in archives.iterdir():
        shell.run(["install", "-D", "/dev/stdin", f"/srv/em/{path.name}"], stdin=path.read_bytes())
    back = {name: methods.packages()[name] for name in ("mrcfile", "prody")}
    methods.apply(back, ["file:///srv/em"])
    assert len(methods.exists(f"{EM}/mrcfile-1.5.4/mrcfile", f"{EM}/prody-2.4.1/prody")) == 2
