"""Checksums that the site states, where the makers of a file publish none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.entries.methods import Apt, Archive, Fetched, Installb, Listed
from cloudify_scipion.catalogue.entries.model import EmPackageVersion, ExampleData, ScipionVersion, SoftwareSet
from cloudify_scipion.catalogue.software.fit_site import site_problems
from cloudify_scipion.catalogue.software.puppet_data import puppet_data, software_digest
from cloudify_scipion.catalogue.software.site_files import checksums, with_checksums
from cloudify_scipion.errors import InputError
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.site import Site, site_from_document

A, B = "a" * 64, "b" * 64
NAMES_NONE = (
    "names none: its operator puts the file on a mirror and names that in the site file (docs/operator.md, Mirrors)"
)
MIRRORS = {"em": "https://mirror.example.org/em", "other": "https://other.example.org"}
METHOD = Archive("/opt/em/tool-1.0", file="tool-1.0.tgz")
STATED = EmPackageVersion("tool", "1.0", METHOD)
PUBLISHED = EmPackageVersion("open", "1.0", Installb("/opt/em/tool-1.0", file="open-1.0.tgz", sha256=A))
APT = EmPackageVersion("deb", "1.0", Apt("/opt/em/deb", {"deb": "1"}))
CATALOGUE = replace(
    load_catalogue(),
    em_packages={one.name: {"1.0": one} for one in (STATED, PUBLISHED, APT)},
    example_data={"movies": {"1.0": ExampleData("movies", "1.0", METHOD)}},
)
SOFTWARE = SoftwareSet(ScipionVersion("3.8.3", "3.11", ""), em_packages=(APT, PUBLISHED, STATED))
HOW = """tool 1.0 is fetched as tool-1.0.tgz; its makers publish no checksum, and site a states none. \
Put the file that you trust on the mirror em, and into the site file:
      mirrors:
        em:
          files:
            tool-1.0.tgz: "SHA256"
    where SHA256 is what `sha256sum tool-1.0.tgz` prints"""


def said(name: str, kind: str = "em_packages", **site: object) -> list[tuple[str, str]]:
    request = Software("3.8.3", **{kind: {name: "1.0"}})  # type: ignore[arg-type]
    return list(site_problems(request, Site("a", **site), CATALOGUE))  # type: ignore[arg-type]


def test_what_an_operator_does_about_a_file_that_is_not_stated() -> None:
    assert said("tool", mirrors=MIRRORS) == [("$.software.em_packages.tool", HOW)]
    ((path, message),) = said("movies", "example_data", mirrors=MIRRORS, files={"other.tgz": A})
    assert (path, message) == ("$.software.example_data.movies", HOW.replace("tool 1.0", "movies 1.0"))


def test_a_file_that_is_stated_or_published() -> None:
    assert said("tool", mirrors=MIRRORS, files={"tool-1.0.tgz": B}) == []
    assert said("open", mirrors=MIRRORS) == []
    assert said("open", mirrors=MIRRORS, files={"open-1.0.tgz": A, "tool-1.0.tgz": B}) == []
    assert said("deb") == []


def test_no_mirrors_at_all() -> None:
    ((_, message),) = said("tool")
    assert message == f"tool 1.0 is fetched as tool-1.0.tgz from the site's mirrors; site a {NAMES_NONE}"


def test_the_catalogue_is_right() -> None:
    ((_, message),) = said("open", mirrors=MIRRORS, files={"open-1.0.tgz": B})
    assert message == (
        f"open 1.0 is fetched as open-1.0.tgz with SHA-256 {A}; site a states {B}: correct its mirrors' files"
    )
    told = puppet_data(with_checksums(SOFTWARE, {"open-1.0.tgz": B, "tool-1.0.tgz": B}))["em_package::packages"]
    assert (told["open"]["sha256"], told["tool"]["sha256"]) == (A, B)
    assert "sha256" not in told["deb"]


def test_nothing_is_installed_without_a_checksum() -> None:
    software = replace(SOFTWARE, example_data=(ExampleData("movies", "1.0", replace(METHOD, file="movies.tgz")),))
    with pytest.raises(InputError) as caught:
        with_checksums(software, {"open-1.0.tgz": B})
    assert [str(problem) for problem in caught.value.problems] == [
        "site: $.mirrors: no mirror's files state the SHA-256 of tool-1.0.tgz, which tool needs",
        "site: $.mirrors: no mirror's files state the SHA-256 of movies.tgz, which movies needs",
    ]


def test_the_checksum_is_part_of_the_digest() -> None:
    digests = [
        software_digest("base", "code", ["a"], puppet_data(with_checksums(SOFTWARE, {"tool-1.0.tgz": sha256})))
        for sha256 in (A, B, A)
    ]
    assert digests[0] == digests[2] != digests[1]


def test_checksums_of_a_request() -> None:
    wanted = {"tool": "1.0", "open": "1.0", "deb": "1.0", "no-such": "1.0"}
    request = Software("3.8.3", em_packages=wanted, example_data={"movies": "2.0"})
    assert checksums(request, {"tool-1.0.tgz": B, "open-1.0.tgz": B, "unused.tgz": B}, CATALOGUE) == {
        "open-1.0.tgz": A,
        "tool-1.0.tgz": B,
    }
    assert checksums(request, {}, CATALOGUE) == {"open-1.0.tgz": A}


def test_files_of_all_mirrors() -> None:
    mirrors = {
        "em": {"url": MIRRORS["em"], "files": {"a.tgz": A}},
        "other": {"url": MIRRORS["other"], "files": {"a.tgz": A, "b.tgz": B}},
        "third": {"url": MIRRORS["other"]},
    }
    site = site_from_document({"name": "a", "provider": "local", "mirrors": mirrors})
    assert site.files == {"a.tgz": A, "b.tgz": B}
    assert site.mirrors == {**MIRRORS, "third": MIRRORS["other"]}


def test_the_packages_that_only_a_site_can_vouch_for() -> None:
    packages = [entry for versions in load_catalogue().em_packages.values() for entry in versions.values()]
    fetched = [(entry, entry.method) for entry in packages if isinstance(entry.method, Fetched)]
    stated = {entry.title: (entry, method) for entry, method in fetched if not method.sha256}
    assert sorted(stated) == [
        "bsoft 2.1.3", "cistem 1.0.0-beta", "cryoef 1.1.0", "ctffind 5.0", "ctffind 5.0.2", "ctffind4 4.1.14",
        "dogpicker 0.2.1.1", "ethan 1.2", "maxit 10.1", "resmap 1.95", "spider 26.06",
    ]  # fmt: skip
    assert {entry.proof for entry, _ in stated.values()} == {"listed"}
    methods = [method for _, method in stated.values()]
    assert len({method.file for method in methods}) == len({method.home for method in methods}) == 11
    ctffind, method = stated["ctffind4 4.1.14"]
    assert ctffind.variables == {"CTFFIND_HOME": method.home}


def test_what_is_only_listed_says_what_it_would_take() -> None:
    packages = [entry for versions in load_catalogue().em_packages.values() for entry in versions.values()]
    listed = [entry.method for entry in packages if isinstance(entry.method, Listed)]
    assert listed and all(method.why for method in listed)
