"""Project and site files: what is right becomes values, what is wrong is all said at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudify_scipion.errors import InputError
from cloudify_scipion.project.load import check_documents, load_inputs
from cloudify_scipion.project.model import project_from_document
from cloudify_scipion.project.schema import schema
from cloudify_scipion.project.site import Site, SiteDesktop, site_from_document
from cloudify_scipion.project.space_kinds.directory import Directory

from .samples import SSH_KEY, full_project, site, small_project, small_workflow

ROOT = Path(__file__).resolve().parents[3]
SITE = ROOT / "inputs/sites/this-machine.yaml"


def changed(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """The document with another value at a dotted path."""
    *parents, last = path.split(".")
    inner = document
    for key in parents:
        inner = inner.setdefault(key, {})
    inner[last] = value
    return document


def messages(project: object, site_document: object = None) -> dict[str, str]:
    return {
        problem.path: problem.message
        for problem in check_documents(project, site() if site_document is None else site_document)
    }


def test_a_secret_that_the_site_shares() -> None:
    shared = changed(full_project(), "secrets.onedata_token", "facility-onedata")
    assert list(messages(shared)) == ["$.secrets.onedata_token"]
    assert messages(shared, changed(site(), "shared_secrets", ["facility-onedata"])) == {}


def test_good_documents() -> None:
    assert messages(small_project()) == {}
    assert messages(full_project()) == {}
    project = project_from_document(full_project())
    assert project.owner.ssh_keys == (SSH_KEY,)
    assert [protocol["object.id"] for protocol in project.workflow.protocols] == ["2", "79"]
    assert (project.workflow.run, project.workflow.wait_minutes) == (True, 10)
    assert (project.volume.size_gb, project.volume.at_end) == (2, "discard")


def test_a_whole_number_may_be_written_with_a_point_and_is_one() -> None:
    document = {**small_project(), "volume": {"size_gb": 2.0}, "needs": {"cpus": 4.0, "ram_gb": 8.0}}
    assert check_documents(document, None) == []
    read = project_from_document(document)
    assert [repr(number) for number in (read.volume.size_gb, read.needs.cpus, read.needs.ram_gb)] == ["2", "4", "8.0"]


def test_defaults_are_those_of_the_schema() -> None:
    rules = schema("project")["properties"]
    project = project_from_document(small_project())
    assert project.volume.at_end == rules["volume"]["properties"]["at_end"]["default"]
    assert project.workflow.run == rules["workflow"]["properties"]["run"]["default"]
    assert project.workflow.wait_minutes == rules["workflow"]["properties"]["wait_minutes"]["default"]
    assert project.time_limit.days == rules["time_limit"]["properties"]["days"]["default"]
    assert project.desktop.geometry == rules["desktop"]["properties"]["geometry"]["default"]
    rules = schema("site")["properties"]
    here = site_from_document({"name": "here", "provider": "local"})
    assert here.allow_discard == rules["allow_discard"]["default"]
    assert (here.desktop.tls, "default" in rules["desktop"]["properties"]["tls"]) == ("", False)  # the provider knows


@pytest.mark.parametrize(
    ("path", "value", "where", "message"),
    [
        ("id", "Relion 2D", "$.id", "'Relion 2D' is not allowed. The project's name for machines: 1 to 40 lowercase"),
        ("id", "a" * 41, "$.id", "is not allowed"),
        ("id", "2d", "$.id", "beginning with a letter"),
        ("id", "a\n", "$.id", "is not allowed"),
        ("id", None, "$.id", "null is not text"),
        ("title", "", "$.title", "is not allowed"),
        ("title", "a\tb", "$.title", "without control characters"),
        ("titel", "x", "$.titel", "not known; did you mean 'title'?"),
        ("zzz", "x", "$.zzz", "not known; known are id, title"),
        ("volume.size_gb", "2", "$.volume.size_gb", "'2' is not a whole number; write 2, without quotes"),
        ("volume.size_gb", True, "$.volume.size_gb", "true is not a whole number"),
        ("volume.size_gb", 0, "$.volume.size_gb", "0 is not allowed. Its size in GB"),
        ("volume.at_end", "dicard", "$.volume.at_end", "not one of hold, discard; did you mean 'discard'?"),
        ("volume", 3, "$.volume", "3 is not a mapping"),
        ("software.plugins", {"scipion-em-relion": 4.0}, "$.software.plugins['scipion-em-relion']", "4.0 is not text"),
        ("software.plugins", {"Bad Name": "1"}, "$.software.plugins['Bad Name']", "this is no name"),
        ("software.plugins", {"x": "1; rm -rf /"}, "$.software.plugins.x", "is not allowed"),
        ("software.scipion", "latest", "$.software.scipion", "is not allowed. Scipion's exact version"),
        ("owner.email", "a@b\nBcc: c@d", "$.owner.email", "One e-mail address"),
        ("owner.ssh_keys", ["command=x " + SSH_KEY], "$.owner.ssh_keys[0]", "without options"),
        ("owner.ssh_keys", [SSH_KEY + "\n" + SSH_KEY], "$.owner.ssh_keys[0]", "one line"),
        ("owner.ssh_keys", [SSH_KEY.split()[0] + " AAAA"], "$.owner.ssh_keys[0]", "not such a key"),
        ("owner.ssh_keys", ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA"], "$.owner.ssh_keys[0]", "not such a key"),
        ("owner.ssh_keys", ["ssh-ed25519"], "$.owner.ssh_keys[0]", "not such a key"),
        ("owner.ssh_keys", SSH_KEY, "$.owner.ssh_keys", "is not a list"),
        ("desktop.geometry", "99x99", "$.desktop.geometry", "is not allowed"),
        ("desktop.geometry", "9999x900", "$.desktop.geometry", "640x480 to 7680x4320"),
        ("time_limit.days", 0, "$.time_limit.days", "0 is not allowed"),
        ("workflow.run", True, "$.workflow.run", "nothing to run"),
        ("workflow.wait_minutes", -1, "$.workflow.wait_minutes", "-1 is not allowed"),
        ("workflow.protocols", [{}], "$.workflow.protocols[0]['object.className']", "missing"),
        ("workflow", {"file": "a", "protocols": []}, "$.workflow", "not both"),
    ],
)
def test_one_fault(path: str, value: object, where: str, message: str) -> None:
    found = messages(changed(small_project(), path, value))
    assert message in found[where]


def test_missing_keys_say_what_they_are() -> None:
    assert messages({})["$.id"].startswith("this is missing. The project's name for machines")
    assert set(messages({})) == {"$.id", "$.title", "$.software", "$.volume"}


@pytest.mark.parametrize(
    ("document", "where", "message"),
    [
        ({"name": "here"}, "$.provider", "missing"),
        ({**site(), "provider": "lokal"}, "$.provider", "did you mean 'local'?"),
        ({**site(), "ports": {"first": 20000, "last": 20000}}, "$.ports.last", "takes two ports"),
        ({**site(), "ports": {"first": 80, "last": 20000}}, "$.ports.first", "80 is not allowed"),
        ({**site(), "provider": "openstack", "ports": {"first": 1024}}, "$.ports", "no effect: provider is openstack"),
        ({**site(), "desktop": {"tls": "given"}}, "$.desktop.tls_certificate", "missing: tls is given"),
        ({**site(), "desktop": {"tls_key": "k"}}, "$.desktop.tls_key", "no effect"),
        ({**site(), "desktop": {"tls": "given", "tls_key": "../k"}}, "$.desktop.tls_key", "is not allowed"),
        ({**site(), "allow_discard": "yes"}, "$.allow_discard", "'yes' is not true or false"),
        ([], "$", "[] is not a mapping"),
    ],
)
def test_one_fault_of_a_site(document: object, where: str, message: str) -> None:
    assert message in messages(small_project(), document)[where]


def test_given_tls() -> None:
    desktop = {"tls": "given", "tls_certificate": "c", "tls_key": "k"}
    assert messages(small_project(), {**site(), "desktop": desktop}) == {}
    assert site_from_document({**site(), "desktop": desktop}).desktop == SiteDesktop("given", "c", "k")


def test_discard_needs_the_site() -> None:
    project = changed(small_project(), "volume.at_end", "discard")
    assert messages(project, {"name": "here", "provider": "local"}) == {
        "$.volume.at_end": "the site here does not allow discard (allow_discard); use hold"
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)


@given(json_values, st.sampled_from(["id", "owner", "software", "workflow", "volume", "desktop", "time_limit"]))
def test_no_document_breaks_the_check(value: object, key: str) -> None:
    for problem in [*check_documents(value, value), *check_documents({**small_project(), key: value}, site())]:
        assert problem.path.startswith("$")
        assert problem.message


def write(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_a_workflow_file(tmp_path: Path) -> None:
    write(tmp_path / "w.json", small_workflow())
    project = load_inputs(write(tmp_path / "p.json", {**small_project(), "workflow": {"file": "w.json"}}), SITE).project
    assert list(project.workflow.protocols) == small_workflow()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../w.json", "outside the project file's folder"),
        ("/etc/hostname", "outside the project file's folder"),
        ("link.json", "outside the project file's folder"),
        ("a/../../w.json", "outside the project file's folder"),
        ("none.json", "there is no such file"),
        ("bad.json", "$[0].inputParticles: '7.outputParticles' points to protocol 7"),
        ("a\0b", "outside"),
    ],
)
def test_a_wrong_workflow_file(tmp_path: Path, name: str, message: str) -> None:
    folder = tmp_path / "projects"
    folder.mkdir()
    write(tmp_path / "w.json", small_workflow())
    (folder / "link.json").symlink_to(tmp_path / "w.json")
    write(folder / "bad.json", [{"object.className": "A", "object.id": "2", "inputParticles": "7.outputParticles"}])
    with pytest.raises(InputError, match="1 problem") as caught:
        load_inputs(write(folder / "p.json", {**small_project(), "workflow": {"file": name}}), SITE)
    assert message in str(caught.value)


def test_both_files_at_once(tmp_path: Path) -> None:
    project = write(tmp_path / "p.json", '{"id": "P", "id": "Q", "workflow": {"file": "none.json"}}')
    with pytest.raises(InputError) as caught:
        load_inputs(project, write(tmp_path / "s.yaml", "name: X\nprovder: local\n"))
    found = [(Path(problem.source).name, problem.path) for problem in caught.value.problems]
    assert sorted(found) == [
        ("none.json", "$"),
        ("p.json", "$.id"),
        ("p.json", "$.id"),
        ("p.json", "$.software"),
        ("p.json", "$.title"),
        ("p.json", "$.volume"),
        ("s.yaml", "$.name"),
        ("s.yaml", "$.provder"),
        ("s.yaml", "$.provider"),
    ]


def test_the_demo() -> None:
    loaded = load_inputs(ROOT / "inputs/projects/relion-2d.json", SITE)
    assert loaded.project.id == "relion-2d"
    spaces = {"local": Directory("local", description="Projects of this machine")}
    desktop = SiteDesktop("none")
    assert loaded.site == Site("this-machine", allow_discard=True, desktop=desktop, data_spaces=spaces)
    assert site_from_document(loaded.site_document) == loaded.site


def properties(rule: object, path: str = "$") -> list[tuple[str, dict[str, Any]]]:
    found = []
    if isinstance(rule, dict):
        for name, inner in rule.get("properties", {}).items():
            found += [(f"{path}.{name}", inner), *properties(inner, f"{path}.{name}")]
    return found


@pytest.mark.parametrize("kind", ["project", "site"])
def test_every_key_is_described(kind: str) -> None:
    for path, rule in properties(schema(kind)):
        assert rule.get("description"), path
        assert rule.get("examples") or rule.get("properties"), path
        assert rule.get("additionalProperties") is False or "properties" not in rule, path


@pytest.mark.parametrize("kind", ["project", "site"])
def test_examples_are_valid(kind: str) -> None:
    from jsonschema import Draft202012Validator

    root = schema(kind)
    Draft202012Validator.check_schema(root)
    for path, rule in properties(root):
        validator = Draft202012Validator({"$defs": root["$defs"], **rule})
        for example in rule.get("examples", []):
            assert list(validator.iter_errors(example)) == [], path
    key = dict(properties(schema("project")))["$.owner.ssh_keys"]["examples"]
    assert messages(changed(small_project(), "owner.ssh_keys", key[0])) == {}


def test_a_warning_on_the_first_day_is_early_enough() -> None:
    limit = {"days": 5, "warning_days": 5}
    assert messages(changed(small_project(), "time_limit", limit), site()) == {}
    assert "$.time_limit.warning_days" in messages(
        changed(small_project(), "time_limit", {**limit, "warning_days": 6}), site()
    )


@pytest.mark.parametrize("path", ["../b", "a/../../b", "a/..", ".."])
def test_no_path_leaves_its_folder(path: str) -> None:
    data = {"project": {"source": f"krios:{path}", "include": [path]}, "datasets": [{"source": f"krios:{path}"}]}
    told = messages({**small_project(), "data": data}, site())
    for where in ("$.data.project.source", "$.data.project.include[0]", "$.data.datasets[0].source"):
        assert "leaves its folder with `..`" in told[where]
    fine = {"project": {"source": "krios:a..b/..c/d..", "include": ["..a/*"]}}
    assert messages({**small_project(), "data": fine}, site()) == {}


@pytest.mark.parametrize("mount", ["/database/raw", "/data", "/data2", "/etc/data/x"])
def test_mounts_stay_below_a_prefix_of_the_site(mount: str) -> None:
    data = {"datasets": [{"source": "krios:raw", "mount": mount}]}
    assert (
        "allows mounts below /data, " in messages({**small_project(), "data": data}, site())["$.data.datasets[0].mount"]
    )


@pytest.mark.parametrize(("one", "two"), [("/data/a", "/data/a/b"), ("/data/a/b", "/data/a"), ("/data/a", "/data/a")])
def test_no_mount_lies_in_another(one: str, two: str) -> None:
    data = {"datasets": [{"source": "krios:raw", "mount": mount} for mount in (one, two)]}
    assert list(messages({**small_project(), "data": data}, site())) == ["$.data.datasets[1].mount"]
    apart = {"datasets": [{"source": "krios:raw", "mount": mount} for mount in ("/data/a", "/data/ab")]}
    assert messages({**small_project(), "data": apart}, site()) == {}
