"""The catalogue's code, on data of its own, and the catalogue's own data."""

from __future__ import annotations

import ast
import os
import re
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from cloudify_scipion.catalogue.entries import load
from cloudify_scipion.catalogue.entries.load import catalogue_problems, load_catalogue
from cloudify_scipion.catalogue.entries.methods import METHODS, Archive, Installb, Pip
from cloudify_scipion.catalogue.entries.model import Catalogue, EmPackageVersion, SoftwareSet
from cloudify_scipion.catalogue.software.puppet_data import puppet_data, software_contents, software_digest
from cloudify_scipion.catalogue.software.resolve import resolve
from cloudify_scipion.errors import InputError
from cloudify_scipion.project.model import Software

ROOT = Path(__file__).resolve().parents[3]
CASE = ROOT / "tests/cases/catalogue"
WANTED = Software("2.0", {"plugin-a": "1.0"}, {"tool": "3.1.3"}, {"sample": "1"})


ALIASES = "- &a0 [x]\n" + "".join(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))


@pytest.fixture(scope="module")
def small() -> Catalogue:
    return load_catalogue(CASE)


def problems(request: Software, catalogue: Catalogue) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        resolve(request, catalogue, "p.json")
    assert {problem.source for problem in caught.value.problems} == {"p.json"}
    return {problem.path: problem.message for problem in caught.value.problems}


def test_a_set_that_fits(small: Catalogue) -> None:
    chosen = resolve(WANTED, small)
    assert software_contents(chosen) == {"scipion": "2.0", "plugin-a": "1.0", "tool": "3.1.3", "sample": "1"}
    assert chosen.plugins[0].protocols["ProtA"].mpi == 3
    assert chosen.plugins[0].em_packages == {"tool": ("3.1",)}
    assert puppet_data(chosen, ["https://a.example.org/em", "file:///srv/em"]) == {
        "scipion::version": "2.0",
        "scipion::requirements": (
            "alpha==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:ab\n"
            "Beta_X==2.0 ; python_version > '3' \\\n    --hash=sha256:bb\n"
            "gamma[extra]==3 \\\n    --hash=sha256:cc\n"
        ),
        "scipion::variables": {"TOOL_HOME": "/opt/em/tool-3.1"},
        "em_package::packages": {
            "tool": {
                "version": "3.1.3",
                "method": "apt",
                "home": "/opt/em/tool-3.1",
                "apt": {"tool": "3.1.3-3+b1"},
                "links": {"bin": "/usr/bin"},
            },
            "sample": {
                "version": "1",
                "method": "generate",
                "home": "/opt/em/sample-1",
                "script": "print('made')\n",
            },
        },
        "em_package::mirrors": ["https://a.example.org/em", "file:///srv/em"],
    }


def test_what_puppet_is_told_of_each_method(small: Catalogue) -> None:
    scipion, digest = small.scipion["2.0"], "a" * 64
    packages = (
        EmPackageVersion("p", "1", Pip("/opt/em/p-1", requirements="x==1 --hash=sha256:aa\n")),
        EmPackageVersion("q", "2", Archive("/opt/em/q-2", {"d": "1"}, file="q.tgz", sha256=digest, strip=1)),
        EmPackageVersion("r", "3", Installb("/opt/em/r-3", file="r-3.tgz", sha256=digest, binary="R-3.0")),
    )
    told = puppet_data(SoftwareSet(scipion, em_packages=packages))["em_package::packages"]
    assert told["p"] == {
        "version": "1", "method": "pip", "home": "/opt/em/p-1", "requirements": "x==1 --hash=sha256:aa\n",
    }  # fmt: skip
    assert told["q"] == {
        "version": "2", "method": "archive", "home": "/opt/em/q-2", "file": "q.tgz", "sha256": digest, "strip": 1,
        "apt": {"d": "1"},
    }  # fmt: skip
    assert told["r"] == {
        "version": "3", "method": "installb", "home": "/opt/em/r-3", "file": "r-3.tgz", "sha256": digest,
        "binary": "R-3.0",
    }  # fmt: skip
    assert Archive("/opt/em/s-1", file="s.tgz", sha256=digest).puppet()["strip"] == 0


@pytest.mark.parametrize(
    ("request_", "path", "message"),
    [
        (Software("9"), "$.software.scipion", "no version '9' of Scipion; it has 1.0, 2.0"),
        (
            Software("2.0", {"plugin-b": "1"}),
            "$.software.plugins['plugin-b']",
            "no plugin 'plugin-b'; known are other, plugin-a",
        ),
        (Software("2.0", {"plugin": "1"}), "$.software.plugins.plugin", "no plugin 'plugin'; did you mean 'plugin-a'?"),
        (
            Software("2.0", {"tool": "1"}),
            "$.software.plugins.tool",
            "no plugin 'tool', which is an EM package; known are",
        ),
        (
            Software("2.0", {}, {"other": "1.0"}),
            "$.software.em_packages.other",
            "no EM package 'other', which is a plugin; known are tool",
        ),
        (Software("2.0", {"plugin-a": "v1.0"}), "$.software.plugins['plugin-a']", "; did you mean '1.0'?"),
        (
            Software("2.0", {}, {"tool": "3"}),
            "$.software.em_packages.tool",
            "no version '3' of tool; it has 3.1.3, 4.0.1",
        ),
        (Software("2.0", {}, {}, {"smaple": "1"}), "$.software.example_data.smaple", "did you mean 'sample'?"),
        (Software("1.0", {"plugin-a": "1.0"}, {"tool": "3.1.3"}), "$.software.plugins['plugin-a']", "not with 1.0"),
        (Software("2.0", {"plugin-a": "1.0"}), "$.software.em_packages", 'calls tool 3.1: add "tool": "3.1.3"'),
        (
            Software("2.0", {"plugin-a": "1.0"}, {"tool": "4.0.1"}),
            "$.software.em_packages.tool",
            "plugin-a 1.0 works with tool 3.1, not with 4.0",
        ),
        (Software("2.0", {"other": "1.0"}), "$.software.plugins.other", "it needs alpha 9.0, the others 1.0"),
    ],
)
def test_what_does_not_fit(small: Catalogue, request_: Software, path: str, message: str) -> None:
    assert message in problems(request_, small)[path]


def test_all_problems_at_once(small: Catalogue) -> None:
    request = Software("9", {"plugin-a": "7", "x": "1"}, {"tool": "0"}, {"sample": "2"})
    assert len(problems(request, small)) == 5


def test_the_digest_depends_on_everything(small: Catalogue) -> None:
    data = puppet_data(resolve(WANTED, small))
    digests = {
        software_digest("base", "modules", ["a", "b"], data),
        software_digest("base2", "modules", ["a", "b"], data),
        software_digest("base", "modules2", ["a", "b"], data),
        software_digest("base", "modules", ["b", "a"], data),
        software_digest("base", "modules", ["a", "b"], {**data, "scipion::version": "2.1"}),
    }
    assert len(digests) == 5
    elsewhere = puppet_data(resolve(WANTED, small), ["https://mirror.example.org/em"])
    assert software_digest("base", "modules", ["a", "b"], elsewhere) in digests, "where files come from does not count"
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
    reordered = dict(reversed(list(data.items())))
    assert software_digest("base", "modules", ["a", "b"], reordered) in digests


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("plugins/plugin-a.yaml", "name: plugin-a\nkind: plugin\nversions: {}\n", "catalogue/plugins/plugin-a.yaml"),
        ("plugins/wrong.yaml", (CASE / "plugins/other.yaml").read_text(), "the file's name says wrong"),
        ("em_packages/tool.yaml", "{name: tool, kind: em_package, versions: {'1': {method: apt, home: /x}}}", "apt"),
        ("em_packages/tool.yaml", "name: tool\nname: tool\nkind: em_package\nversions: {}", "more than once"),
        ("scipion/1.0.yaml", (CASE / "scipion/1.0.yaml").read_text().replace("scipion.txt", "no.txt"), "no such file"),
        ("em_packages/tool.yaml", "{name: tool, kind: em_package, versions: {'1': {method: installb, file: x, home: /x, links: {a: /b}}}}", "no links in it"),  # noqa: E501
        ("em_packages/tool.yaml", "", "the file is empty"),
        ("em_packages/tool.yaml", "name: !!bool maybe\n", "not what its tag says, bool"),
        ("em_packages/tool.yaml", "name: 2020-13-45\n", "not what its tag says, timestamp"),
        ("em_packages/tool.yaml", "name: !!int ''\n", "not what its tag says, int"),
        ("em_packages/tool.yaml", "name: " + "[" * 100_000, "nested too deeply"),
        ("em_packages/tool.yaml", ALIASES, "it holds more than 200,000 values"),
        ("em_packages/tool.yaml", "name: .inf\n", "inf is not a number that JSON knows"),
        ("em_packages/tool.yaml", "name: [.NaN, 1.5]\n", "nan is not a number that JSON knows"),
        ("em_packages/tool.yaml", "name: https://u:p@h\n", "this (not shown) is not allowed: it must match ^"),
        ("em_packages/tool.yaml", "#" * 250_001, "the file is larger than 250,000 bytes"),
    ],
)  # fmt: skip
def test_a_wrong_catalogue(tmp_path: Path, file: str, text: str, message: str) -> None:
    folder = tmp_path / "catalogue"
    shutil.copytree(CASE, folder)
    (folder / file).write_text(text)
    assert message in "".join(map(str, catalogue_problems(folder)))


@pytest.mark.parametrize("file", ["em_packages/tool.yaml", "requirements/scipion.txt"])
def test_a_pipe_in_a_catalogue_makes_nobody_wait(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "catalogue"
    shutil.copytree(CASE, folder)
    (folder / file).unlink()
    os.mkfifo(folder / file)
    found = catalogue_problems(folder)
    assert {problem.source for problem in found} == {f"catalogue/{file}"}
    assert "a pipe or a device" in found[0].message


def test_the_schema_is_one() -> None:
    for kind in set(load._KINDS.values()):
        Draft202012Validator.check_schema(load._rules(kind))


def test_a_method_is_one_type_its_schema_and_a_case_for_puppet() -> None:
    facts = load._rules("em_package")["properties"]["versions"]["additionalProperties"]
    assert facts["properties"]["method"]["enum"] == [*METHODS]
    own = {field.name for method in METHODS.values() for field in fields(method)}
    assert own <= {*facts["properties"]}
    puppet = (ROOT / "puppet/modules/em_package/types/package.pp").read_text()
    told = {key for name in METHODS if name != "listed" for key in METHODS[name](apt={"a": "1"}).puppet()}
    assert told <= {*re.findall(r"'(\w+)'", puppet)}
    installed = [name for name in METHODS if name != "listed"]
    assert re.findall(r"'(\w+)'", puppet.split("'method'")[1].splitlines()[0]) == installed


# The data that ships.
DATA = Path(load.__file__).parents[1] / "data"


def test_the_demo_resolves() -> None:
    request = Software("3.8.3", {"scipion-em-relion": "4.0.20"}, {"relion": "3.1.3"}, {"demo-particles": "1"})
    data = puppet_data(resolve(request, load_catalogue()))
    assert data["scipion::variables"]["RELION_HOME"] == "/opt/em/relion-3.1"
    assert data["em_package::packages"]["demo-particles"]["script"].startswith('"""')


def test_every_requirement_is_pinned_with_hashes() -> None:
    for path in sorted((DATA / "requirements").glob("*.txt")):
        for line in re.sub(r"\\\n", " ", path.read_text()).splitlines():
            text = line.strip()
            if text and not text.startswith("#"):
                assert re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==\S+.* --hash=sha256:[0-9a-f]{64}", text), (
                    path.name,
                    text,
                )


def test_nothing_is_latest_and_every_script_is_python() -> None:
    for path in sorted(DATA.rglob("*.yaml")):
        document: Any = yaml.safe_load(path.read_text())
        for version, facts in document.get("versions", {}).items():
            assert version != "latest"
            assert all(re.match(r"[0-9]", deb) for deb in facts.get("apt", {}).values()), f"{path.name}: not exact"
            if "script" in facts:
                ast.parse((path.parent / facts["script"]).read_text())


def test_names_of_packages_and_example_data_differ() -> None:
    catalogue = load_catalogue()
    assert not set(catalogue.em_packages) & set(catalogue.example_data)
