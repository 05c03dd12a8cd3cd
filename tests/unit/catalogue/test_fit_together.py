"""What goes together and what does not: a table of requests against the catalogue that ships, with exact messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.entries.methods import Apt, Archive, Generate, Listed
from cloudify_scipion.catalogue.entries.model import Chosen, EmPackageVersion, ExampleData, Licence, PluginVersion
from cloudify_scipion.catalogue.entries.versions import in_range
from cloudify_scipion.catalogue.software.check_document import document_problems
from cloudify_scipion.catalogue.software.fit_site import site_notes, site_problems
from cloudify_scipion.catalogue.software.fit_together import clashes
from cloudify_scipion.catalogue.software.resolve import licence_problems, software_problems
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.site import Flavour, GpuModel, Site

TITAN = GpuModel("titan-x", 12, 5.2)
CATALOGUE = load_catalogue()
NAMES_NONE = (
    "names none: its operator puts the file on a mirror and names that in the site file (docs/operator.md, Mirrors)"
)
OWN = "; docs/add-an-em-package.md shows how to add one of your own"
DEMO = {
    "scipion": "3.8.3",
    "plugins": {"scipion-em-relion": "4.0.20"},
    "em_packages": {"relion": "3.1.3"},
}


def asked(**changes: Any) -> dict[str, Any]:
    """The demo's software with changes; None takes a part away."""
    return {key: value for key, value in {**DEMO, **changes}.items() if value is not None}


def told(
    software: dict[str, Any], protocols: list[Any] | None = None, site: Site | None = None
) -> list[tuple[str, str]]:
    return list(document_problems({"software": software}, protocols or [], site, CATALOGUE))


CASES = {
    "a package without the plugin that installs it": (
        asked(em_packages={"relion": "3.1.3", "ctffind": "5.0.2"}),
        [("$.software.em_packages.ctffind", "ctffind 5.0.2 is installed by a plugin that calls it: add scipion-em-cistem 3.10.1")],  # noqa: E501
    ),
    "the demo": (asked(), []),
    "no such Scipion": (
        asked(scipion="3.9"),
        [("$.software.scipion", "the catalogue has no version '3.9' of Scipion; it has 3.8.3")],
    ),
    "a typo in a plugin": (
        asked(plugins={"scipion-em-relon": "4.0.20"}),
        [("$.software.plugins['scipion-em-relon']", "the catalogue has no plugin 'scipion-em-relon'; did you mean 'scipion-em-relion'?")],  # noqa: E501
    ),
    "no such version of a plugin": (
        asked(plugins={"scipion-em-relion": "4.1"}),
        [("$.software.plugins['scipion-em-relion']", "the catalogue has no version '4.1' of scipion-em-relion; it has 4.0.20, 5.0.2")],  # noqa: E501
    ),
    "a part of Scipion as a plugin": (
        asked(plugins={"scipion-em": "3.11.1"}),
        [("$.software.plugins['scipion-em']", "scipion-em is a part of Scipion and comes with it: leave it out")],
    ),
    "a package is missing": (
        asked(em_packages=None),
        [("$.software.em_packages", 'scipion-em-relion 4.0.20 calls relion 3.1, 4.0: add "relion": "3.1.3"')],
    ),
    "a package that nothing installs is missing": (
        asked(plugins={"scipion-em-gctf": "3.2.2"}),
        [("$.software.plugins['scipion-em-gctf']", "scipion-em-gctf 3.2.2 calls gctf 1.18, which nothing installs")],
    ),
    "a package that nothing installs for this version of the plugin": (
        asked(plugins={"scipion-em-relion": "5.0.2"}, em_packages=None),
        [("$.software.plugins['scipion-em-relion']", "scipion-em-relion 5.0.2 calls relion 4.0, 5.0, which nothing installs; scipion-em-relion 4.0.20 works with relion 3.1.3, which can be installed")],  # noqa: E501
    ),
    "a plugin by its EM package's name": (
        asked(plugins={"relion": "3.1.3"}),
        [("$.software.plugins.relion", "the catalogue has no plugin 'relion', which is an EM package; did you mean 'scipion-em-relion'?")],  # noqa: E501
    ),
    "a plugin far from all others": (
        asked(plugins={"scipion-em-ctffind": "1"}),
        [("$.software.plugins['scipion-em-ctffind']", "the catalogue has no plugin 'scipion-em-ctffind'; docs/project-file.md lists what it has")],  # noqa: E501
    ),
    "a plugin with a package that it does not know": (
        asked(plugins={"scipion-em-relion": "5.0.2"}),
        [("$.software.em_packages.relion", "scipion-em-relion 5.0.2 works with relion 4.0, 5.0, not with 3.1; scipion-em-relion 4.0.20 does")],  # noqa: E501
    ),
    "a package that is only listed": (
        asked(em_packages={"relion": "4.0"}),
        [("$.software.em_packages.relion", f"relion 4.0 is only listed: nothing installs it (needs conda, git and cmake); 3.1.3 can be installed{OWN}")],  # noqa: E501
    ),
    "a listed package with a licence": (
        asked(em_packages={"relion": "3.1.3", "motioncor2": "1.6.4"}),
        [
            ("$.software.em_packages.motioncor2", f"motioncor2 1.6.4 is only listed: nothing installs it (no plugin brings it); no version of it can be installed{OWN}"),  # noqa: E501
        ],
    ),
    "a licence that was accepted": (
        asked(em_packages={"relion": "3.1.3", "motioncor2": "1.6.4"}, accepted_licences=["motioncor2"]),
        [("$.software.em_packages.motioncor2", f"motioncor2 1.6.4 is only listed: nothing installs it (no plugin brings it); no version of it can be installed{OWN}")],  # noqa: E501
    ),
    "a typo in an accepted licence": (
        asked(accepted_licences=["motioncor"]),
        [("$.software.accepted_licences[0]", "the catalogue has no 'motioncor'; did you mean 'motioncor3'?")],
    ),
    "plugins that pin the same package": (
        asked(plugins={"scipion-em-relion": "4.0.20", "scipion-em-cryodrgn": "3.13.1"}),
        [
            ("$.software.plugins['scipion-em-cryodrgn']", "scipion-em-cryodrgn 3.13.1 calls cryodrgn 3.3.2, 3.4.0, 3.4.4, which nothing installs"),  # noqa: E501
            ("$.software.plugins['scipion-em-relion']", "it needs scipion-em-relion 4.0.20, the others 5.0.2"),
        ],
    ),
    "a plugin without a package": (asked(plugins={"scipion-em-relion": "4.0.20", "scipion-em-localrec": "3.2.0"}), []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_request(case: str) -> None:
    software, expected = CASES[case]
    assert told(software) == expected


PROTOCOLS = {
    "of Scipion itself": ("ProtImportParticles", []),
    "of the plugin": ("ProtRelionClassify2D", []),
    "of another plugin": (
        "ProtGctf",
        ["'ProtGctf' comes with scipion-em-gctf 3.2.2, which software.plugins does not ask for: add it"],
    ),
    "of another version": (
        "ProtRelionDynaMight",
        ["scipion-em-relion 4.0.20 has no protocol 'ProtRelionDynaMight'; 5.0.2 has it"],
    ),
    "with a typo": (
        "ProtRelionClasify2D",
        ["no plugin of the catalogue has a protocol 'ProtRelionClasify2D'; did you mean 'ProtRelionClassify2D'?"],
    ),
    "far from all others": ("ProtFooBar", ["no plugin of the catalogue has a protocol 'ProtFooBar'"]),
    "of nobody": ("Zzzzzz", ["no plugin of the catalogue has a protocol 'Zzzzzz'"]),
}


@pytest.mark.parametrize("case", PROTOCOLS)
def test_a_protocol(case: str) -> None:
    name, messages = PROTOCOLS[case]
    workflow: list[Any] = [{"object.className": "ProtImportMovies"}, {"object.className": name}]
    where = "$.workflow.protocols[1]['object.className']"
    assert told(asked(), workflow) == [(where, message) for message in messages]


def test_a_licence_to_accept() -> None:
    licence = Licence("Academic licence", accept=True, source="https://example.org/licence")
    package = EmPackageVersion("gctf", "1.18", Archive(), licence=licence)
    message = (
        "gctf 1.18 asks a person to accept its licence (Academic licence, https://example.org/licence): "
        "read it, then add 'gctf'"
    )
    assert list(licence_problems([], [package], CATALOGUE)) == [("$.software.accepted_licences", message)]
    assert list(licence_problems(["gctf"], [package], CATALOGUE)) == []
    assert list(licence_problems([], [replace(package, method=Listed())], CATALOGUE)) == []


def test_example_data_are_asked_about_as_packages_are() -> None:
    licence = Licence("theirs", accept=True, source="https://example.org")
    listed = ExampleData("beads", "1", Listed())
    owned = ExampleData("cells", "2", Generate("/opt/em/cells-2", script="print()"), licence=licence)
    catalogue = replace(CATALOGUE, example_data={"beads": {"1": listed}, "cells": {"2": owned}})
    found = dict(software_problems(Software("3.8.3", example_data={"beads": "1", "cells": "2"}), catalogue))
    assert "is only listed: nothing installs it" in found["$.software.example_data.beads"]
    assert "asks a person to accept its licence (theirs" in found["$.software.accepted_licences"]
    accepted = Software("3.8.3", example_data={"cells": "2"}, accepted_licences=("cells",))
    assert list(software_problems(accepted, catalogue)) == []


def test_a_default_package_without_labels_of_its_own_is_named_by_its_default() -> None:
    plugin = PluginVersion("tool", "1", ("3.8.3",), requirements="x", default_packages={"relion": "3.1"})
    assert plugin.labels("relion") == ("3.1",) and plugin.labels("other") == ()
    catalogue = replace(CATALOGUE, plugins={"tool": {"1": plugin}})
    (found,) = software_problems(Software("3.8.3", plugins={"tool": "1"}), catalogue)
    assert "calls relion 3.1: add" in found[1]


def test_a_way_out_is_a_plugin_that_can_be_installed() -> None:
    versions = CATALOGUE.plugins["scipion-em-relion"]
    refused = {**versions, "4.0.20": replace(versions["4.0.20"], not_installed="it does not load")}
    catalogue = replace(CATALOGUE, plugins={"scipion-em-relion": refused})
    found = software_problems(Software("3.8.3", {"scipion-em-relion": "5.0.2"}), catalogue)
    assert [message for _, message in found] == [
        "scipion-em-relion 5.0.2 calls relion 4.0, 5.0, which nothing installs"
    ]


def test_an_unknown_version_is_told_once() -> None:
    workflow: list[Any] = [{"object.className": "ProtRelionClassify2D"}]
    message = "the catalogue has no version 'v4.0.20' of scipion-em-relion; did you mean '4.0.20'?"
    where = "$.software.plugins['scipion-em-relion']"
    assert told(asked(plugins={"scipion-em-relion": "v4.0.20"}), workflow) == [(where, message)]


def test_what_is_no_protocol_is_left_to_the_schema() -> None:
    assert told(asked(), [None, 1, {}, {"object.className": 3}, {"object.className": ""}]) == []
    (found,) = document_problems({"software": {"scipion": 3}}, [], None, CATALOGUE)
    assert found[0] == "$.software.scipion"  # where the schema has spoken, and goes first
    assert list(document_problems({}, [{"object.className": "X"}], None, CATALOGUE)) == []


SITES = {
    "nothing is known of its machines": (Site("a"), []),
    "no GPU": (Site("a", flavours=(Flavour("m1", 8, 60),)), ["motioncor3 1.2.4 needs a GPU; no flavour of site a has one"]),  # noqa: E501
    "a GPU": (Site("a", flavours=(Flavour("g2", 8, 60, gpus=1, gpu=TITAN),)), []),
}  # fmt: skip


@pytest.mark.parametrize("case", SITES)
def test_a_package_that_needs_a_gpu(case: str) -> None:
    site, messages = SITES[case]
    request = Software("3.8.3", em_packages={"motioncor3": "1.2.4", "relion": "3.1.3"})
    expected = [("$.software.em_packages.motioncor3", message) for message in messages]
    assert list(site_problems(request, site, CATALOGUE)) == expected


def test_cuda_is_compared_with_what_the_driver_supports() -> None:
    request = Software("3.8.3", em_packages={"cryosparc": "5.0.6", "gctf": "1.18"})
    old, new, unknown = Site("a", cuda="11.2"), Site("a", cuda="13.0"), Site("a")
    where = "$.software.em_packages.cryosparc"
    message = "cryosparc 5.0.6 needs CUDA >=12.8; the driver of site a supports 11.2"
    assert list(site_problems(request, old, CATALOGUE)) == [(where, message)]
    # A newer driver runs programs of an older CUDA: gctf's upper bound is no problem.
    assert list(site_problems(request, new, CATALOGUE)) == []
    assert list(site_problems(request, unknown, CATALOGUE)) == []


def test_what_can_do_without_a_gpu_runs_with_an_old_driver() -> None:
    request, old = Software("3.8.3", em_packages={"modelangelo": "git"}), Site("a", cuda="11.2")
    assert list(site_problems(request, old, CATALOGUE)) == []
    message = "modelangelo git needs CUDA >=11.8; the driver of site a supports 11.2: it runs on the CPU"
    assert list(site_notes(request, old, CATALOGUE)) == [message]
    assert list(site_notes(request, Site("a", cuda="12.4"), CATALOGUE)) == []
    assert list(site_notes(Software("3.8.3", em_packages={"cryosparc": "5.0.6"}), old, CATALOGUE)) == []


@pytest.mark.parametrize(
    ("version", "wanted", "expected"),
    [
        ("3.11", "", True),
        ("3.11", ">=3.8", True),
        ("3.8", ">=3.8", True),
        ("3.8", ">3.8", False),
        ("3.10", ">=3.9", True),
        ("3.12", ">=3.8,<3.12", False),
        ("12.0", "==12", True),
        ("11.8", "<=11.7.9", False),
        ("10.2", ">=10.1,<11", True),
    ],
)
def test_ranges(version: str, wanted: str, expected: bool) -> None:
    assert in_range(version, wanted) is expected


def test_python_must_fit() -> None:
    scipion = replace(CATALOGUE.scipion["3.8.3"], python="3.7")
    catalogue = replace(CATALOGUE, scipion={"3.8.3": scipion})
    ((_, message),) = software_problems(
        Software("3.8.3", {"scipion-em-localrec": "3.2.0"}),
        replace(
            catalogue,
            plugins={
                "scipion-em-localrec": {
                    "3.2.0": replace(CATALOGUE.plugins["scipion-em-localrec"]["3.2.0"], python=">=3.8")
                }
            },
        ),
    )
    assert message == "scipion-em-localrec 3.2.0 needs Python >=3.8; Scipion 3.8.3 runs on 3.7"


def test_a_file_of_the_mirrors() -> None:
    package = EmPackageVersion("tool", "1.0", Archive("/opt/em/tool-1.0", file="tool-1.0.tgz", sha256="0" * 64))
    catalogue = replace(CATALOGUE, em_packages={"tool": {"1.0": package}})
    request = Software("3.8.3", em_packages={"tool": "1.0"})
    (found,) = site_problems(request, Site("a"), catalogue)
    assert found[1] == f"tool 1.0 is fetched as tool-1.0.tgz from the site's mirrors; site a {NAMES_NONE}"
    assert list(site_problems(request, Site("a", mirrors={"m": "https://mirror.example.org"}), catalogue)) == []


@pytest.mark.parametrize(("driver", "fits"), [("10.0", False), ("10.1", True), ("10.2", True), ("12.4", True)])
def test_an_upper_bound_of_cuda_says_nothing_about_the_driver(driver: str, fits: bool) -> None:
    package = EmPackageVersion("tool", "1.0", Apt("/opt/em/tool-1.0"), cuda=">=10.1,<11")
    catalogue = replace(CATALOGUE, em_packages={"tool": {"1.0": package}})
    found = list(site_problems(Software("3.8.3", em_packages={"tool": "1.0"}), Site("a", cuda=driver), catalogue))
    assert (found == []) is fits


def test_packages_that_set_a_variable_differently() -> None:
    one, two = (
        EmPackageVersion(name, "1", Apt(f"/opt/em/{name}"), variables={"SAME": "x", "HOME": home})
        for name, home in (("one", "/a"), ("two", "/b"))
    )
    assert list(clashes(Chosen(None, (), (one, two)))) == [
        ("$.software.em_packages.two", "two sets HOME to /b, another package to /a")
    ]
    assert list(clashes(Chosen(None, (), (one, replace(two, variables={"SAME": "x"}))))) == []
