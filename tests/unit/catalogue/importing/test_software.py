"""Plugins and versions: what logs say before what exports say before the catalogue; and whom not to believe."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudify_scipion.catalogue.entries.methods import Listed
from cloudify_scipion.catalogue.entries.model import EmPackageVersion
from cloudify_scipion.catalogue.entries.versions import version_key
from cloudify_scipion.catalogue.importing.search import Search
from cloudify_scipion.catalogue.importing.software import find_software
from cloudify_scipion.project.importing.evidence import export_evidence, log_evidence
from cloudify_scipion.project.importing.model import Evidence

from .samples import catalogue, plugin, protocol, relion

RELION = "$.software.plugins['scipion-em-relion']"


def log(version: str, module: str = "relion", **more: str) -> Evidence:
    return Evidence("log", "the log", module, version=version, **more)


def export(version: str, module: str = "relion", class_name: str = "ProtRelionClassify2D") -> Evidence:
    return Evidence("export", "protocol 2", module, class_name, version)


def found(*evidence: Evidence, classes: str = "ProtImportMovies ProtRelionClassify2D") -> Search:
    protocols = [protocol(name, number) for number, name in enumerate(classes.split(), 2)]
    return find_software(protocols, evidence, catalogue())


def said(result: Search, path: str) -> list[str]:
    return [decision.message for decision in result.decisions if decision.path == path]


def origin(result: Search, path: str) -> str:
    return next(fact.origin for fact in result.facts if fact.path == path)


NEWEST = "the newest that fits and can be installed (run)"


@pytest.mark.parametrize(
    ("evidence", "version", "begins", "open_points"),
    [
        ([], "4.0.20", NEWEST, 1),
        ([export("4.0.9")], "4.0.9", "export protocol 2", 0),
        ([export("4.0.9"), log("4.0.10")], "4.0.10", "log the log", 0),
        ([log("4.0.9"), export("4.0.9"), log("4.0.10")], "4.0.10", "log the log", 1),
        ([log("4.0.1"), export("4.0.9")], "4.0.9", "export protocol 2", 1),
        ([log("4.0.1")], "4.0.20", NEWEST, 2),
        ([log("4.0.9", "xmipp3")], "4.0.20", NEWEST, 1),
    ],
)
def test_precedence(evidence: list[Evidence], version: str, begins: str, open_points: int) -> None:
    result = found(*evidence)
    assert result.software["plugins"] == {"scipion-em-relion": version}
    assert origin(result, RELION).startswith(begins)
    assert len(said(result, RELION)) == open_points


def test_a_version_that_the_catalogue_does_not_know_is_said() -> None:
    assert said(found(log("4.0.1")), RELION)[0] == (
        "the log names 4.0.1; the catalogue has 4.0.9, 4.0.20, 4.0.10, 5.0.2 of scipion-em-relion"
    )


def test_logs_that_disagree() -> None:
    assert said(found(log("4.0.9"), log("4.0.20")), RELION) == ["logs name 4.0.9, 4.0.20; 4.0.20 was taken"]


def test_a_version_that_nothing_installs_is_kept_and_said() -> None:
    result = found(log("5.0.2", binary="5.0"))
    assert result.software["plugins"] == {"scipion-em-relion": "5.0.2"}
    assert said(result, RELION) == [
        "nothing installs scipion-em-relion 5.0.2 in this version; can be installed: 4.0.9, 4.0.20, 4.0.10"
    ]
    assert "em_packages" not in result.software
    assert said(result, "$.software.em_packages.relion") == [
        "scipion-em-relion 5.0.2 calls relion 5.0; the catalogue has none of them"
    ]


def test_the_exports_of_empiar_are_not_believed() -> None:
    protocols = [
        protocol("ProtImportMovies", 2, plugin="pwem", pluginVersion="3.1.1", pluginBinaryVersion=""),
        protocol("ProtRelionClassify2D", 3, plugin="relion", pluginVersion="3.1.1", pluginBinaryVersion="3.1"),
    ]
    result = find_software(protocols, list(export_evidence(protocols)), catalogue())
    assert result.software["plugins"] == {"scipion-em-relion": "4.0.20"}
    assert result.software["scipion"] == "3.8.3"
    assert said(result, "$.software") == [
        "the export gives the version 3.1.1 to plugins that have nothing to do with each other (pwem, relion):"
        " not believed"
    ]
    # its version of the binary comes from the plugin itself
    assert origin(result, "$.software.em_packages.relion") == "as it ran"


def test_even_a_known_version_is_not_believed_if_all_have_it() -> None:
    result = found(export("4.0.9"), export("4.0.9", "pwem", "ProtImportMovies"))
    assert result.software["plugins"] == {"scipion-em-relion": "4.0.20"}


def test_a_version_that_the_plugin_never_had_is_not_believed() -> None:
    result = found(export("3.1.1"), export("3.11.1", "pwem", "ProtImportMovies"))
    assert result.software["plugins"] == {"scipion-em-relion": "4.0.20"}
    assert "which is none that the catalogue knows, to a plugin (relion): not believed" in said(result, "$.software")[0]
    assert origin(result, "$.software.scipion") == "the logs or exports name scipion-em 3.11.1"


def test_scipion_of_the_logs() -> None:
    assert found(log("", pyworkflow="3.9.6")).software["scipion"] == "3.7.1"
    assert found(log("3.9.4", "pwem")).software["scipion"] == "3.7.1"
    result = found(log("", pyworkflow="3.0.0"))
    assert result.software["scipion"] == "3.8.3"
    assert said(result, "$.software.scipion") == [
        "logs or exports name scipion-pyworkflow 3.0.0; Scipion 3.8.3, taken, is not all of that"
    ]
    old = found(log("4.0.20", pyworkflow="3.9.6"))
    assert said(old, RELION) == ["scipion-em-relion 4.0.20 works with Scipion 3.8.3, not with 3.7.1"]


def test_a_class_of_several_plugins() -> None:
    path = "$.software.plugins['scipion-em-nysbc']"
    result = found(classes="Prot3DFSC")
    assert result.software["plugins"] == {"scipion-em-nysbc": "3.1"}  # the one that can be installed
    message = "Prot3DFSC is brought by scipion-em-nysbc and scipion-em-fsc3d; scipion-em-nysbc was taken"
    assert message in said(result, path)
    named = found(log("3.0", "fsc3d", class_name="Prot3DFSC"), classes="Prot3DFSC")
    assert named.software["plugins"] == {"scipion-em-fsc3d": "3.0"}
    assert not any("brought by" in decision.message for decision in named.decisions)
    needed = found(classes="Prot3DFSC ProtNysbcOther")
    assert needed.software["plugins"] == {"scipion-em-nysbc": "3.1"}


def test_an_unknown_class() -> None:
    result = found(classes="ProtRelionClassify4D ProtImportMovies")
    assert "plugins" not in result.software
    assert said(result, "$.software.plugins") == [
        "no plugin of the catalogue brings ProtRelionClassify4D; Scipion would drop this step;"
        " did you mean 'ProtRelionClassify3D'?"
    ]


def test_a_new_class_of_a_known_plugin() -> None:
    result = found(log("4.0.20", class_name="ProtRelionNew"), classes="ProtRelionNew")
    assert said(result, RELION) == ["scipion-em-relion 4.0.20 does not bring ProtRelionNew; Scipion would drop these"]


def test_licences_and_missing_packages() -> None:
    result = found(classes="ProtClosed ProtGctf")
    assert said(result, "$.software.accepted_licences") == [
        "a person must read the licence of scipion-em-closed (Closed 1); then add 'scipion-em-closed' here"
    ]
    assert said(result, "$.software.em_packages.gctf") == [
        "scipion-em-gctf 2.0 calls gctf 1.18; the catalogue has none of them"
    ]


def test_a_version_is_taken_whose_packages_can_be_installed() -> None:
    known = catalogue()
    five = relion("5.0.2", em_packages={"relion": ("5.0",)}, default_packages={"relion": "5.0"}, proof="installed")
    listed = EmPackageVersion("relion", "5.0", Listed(), label="5.0")
    known = replace(
        known,
        plugins={"scipion-em-relion": known.plugins["scipion-em-relion"] | {"5.0.2": five}},
        em_packages={"relion": known.em_packages["relion"] | {"5.0": listed}},
    )
    workflow = [protocol("ProtRelionClassify2D")]
    assert find_software(workflow, [], known).software == {
        "scipion": "3.8.3",
        "plugins": {"scipion-em-relion": "4.0.20"},
        "em_packages": {"relion": "3.1.3"},
    }
    # Only the version of the binary is known: the plugin that can call it is taken, whatever can be installed.
    result = find_software(workflow, [Evidence("export", "protocol 2", "relion", binary="5.0")], known)
    assert result.software["plugins"] == {"scipion-em-relion": "5.0.2"}
    assert result.software["em_packages"] == {"relion": "5.0"}
    assert said(result, "$.software.em_packages.relion") == [
        "nothing installs relion 5.0 in this version;"
        " can be installed: 3.1.3 (with scipion-em-relion 4.0.9, 4.0.20, 4.0.10)"
    ]


def test_a_log() -> None:
    text = (
        "00001:  \x1b[32mRUNNING PROTOCOL\x1b[0m\n00007:   pyworkflow: 3.11.7\nplugin: relion - https://x\n"
        "plugin v: 4.0.9 (devel)\nplugin binary v: \nplugin v: 4.0.20(production)\nnot a plugin v: 1\n"
    )
    evidence = log_evidence(text, "w")
    assert (evidence.module, evidence.version, evidence.binary, evidence.pyworkflow) == (
        "relion",
        "4.0.20",
        "",
        "3.11.7",
    )


@given(st.text(), st.text())
def test_any_two_versions_have_an_order(one: str, other: str) -> None:
    assert (version_key(one) < version_key(other)) or version_key(one) >= version_key(other)


def test_versions_by_value() -> None:
    assert sorted(["4.0.10", "4.0.9", "4.0.9rc1", "4.0", "v4"], key=version_key) == [
        "v4",
        "4.0",
        "4.0.9",
        "4.0.9rc1",
        "4.0.10",
    ]


def test_colours_of_a_log_are_not_read() -> None:
    assert log_evidence("\x1b[32mplugin v: 4.0.9\x1b[0m\n", "w").version == "4.0.9"
    assert log_evidence("plugin v: 4.0.\x1b[1m20\n", "w").version == "4.0.20"


def test_a_version_for_another_scipion_is_not_taken() -> None:
    known = catalogue()
    newer = relion("4.1", scipion=("3.9",))
    known = replace(known, plugins={"scipion-em-relion": known.plugins["scipion-em-relion"] | {"4.1": newer}})
    taken = find_software([protocol("ProtRelionClassify2D")], [], known).software["plugins"]
    assert taken == {"scipion-em-relion": "4.0.20"}


def test_what_can_be_installed_goes_before_what_brings_more() -> None:
    known = catalogue()
    more = plugin("scipion-em-nysbc", "9", "Prot3DFSC ProtNysbcOther ProtNew", proof="listed", not_installed="no")
    known = replace(known, plugins={"scipion-em-nysbc": known.plugins["scipion-em-nysbc"] | {"9": more}})
    workflow = [protocol("ProtNysbcOther"), protocol("ProtNew", 3)]
    assert find_software(workflow, [], known).software["plugins"] == {"scipion-em-nysbc": "3.1"}
