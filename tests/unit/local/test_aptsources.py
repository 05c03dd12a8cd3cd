from __future__ import annotations

from cloudify_scipion.adapters.local.aptsources import debian_sources

DEB822 = """
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb
URIs: http://other.example/
Suites: nodistro
Components: main

Enabled: no
Types: deb
URIs: http://off.example/
Suites: bookworm
Components: main
"""
ONE_LINE = """
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib # here
deb http://security.example/ bookworm-security main
deb http://docker.example/ bookworm stable
deb-src http://mirror.example/debian bookworm main
"""


def test_one_line_style() -> None:
    assert debian_sources({"sources.list": ONE_LINE}, "bookworm") == [
        "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib\n"
        "deb http://security.example/ bookworm-security main\n"
    ]


def test_deb822_style() -> None:
    assert debian_sources({"debian.sources": DEB822}, "bookworm") == [
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\n"
        "Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
    ]


def test_both_styles_stay_apart_and_other_files_are_ignored() -> None:
    files = {"a.list": ONE_LINE, "debian.sources": DEB822, "off.list.disabled": ONE_LINE}
    assert len(debian_sources(files, "bookworm")) == 2


def test_no_source_of_that_release() -> None:
    assert debian_sources({"a.list": ONE_LINE, "debian.sources": DEB822}, "trixie") == []
