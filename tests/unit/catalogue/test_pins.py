"""Lock files: reading what tools print, writing, checking, comparing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cloudify_scipion.catalogue.pins import parse as read
from cloudify_scipion.catalogue.pins.file import (
    AptPackage,
    Archive,
    Installed,
    Pins,
    PythonPackage,
    check_pins,
    differences,
    from_text,
    inherit,
    made_from,
    request_problems,
    to_text,
)

A, B, C = "a" * 64, "b" * 64, "c" * 64
SUMS = f"""{A}  /d/apt/archives/novnc_1%3a1.3.0-1_all.deb
{B}  /d/apt/archives/relion_3.1.3-3+b1_amd64.deb
{C}  /d/wheels/PyQt5_sip-12.20.0-cp311-cp311-linux_x86_64.whl
{A}  /d/wheels/scipion-em-3.11.1.tar.gz
{B}  /d/archives/ctf.tar.gz
{C}  /d/archives/ctf.tar.gz.part
"""
POLICY = """Package files:
 100 /var/lib/dpkg/status
     release a=now
 500 http://user:secret@mirror.example/debian bookworm/main amd64 Packages
     release v=12.15,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64
     origin mirror.example
Pinned packages:
"""
ORIGINS = """relion:
  Installed: 3.1.3-3+b1
  Candidate: 3.1.3-4
  Version table:
     3.1.3-4 500
        500 http://elsewhere.example/debian bookworm/main amd64 Packages
 *** 3.1.3-3+b1 500
        500 http://user:secret@mirror.example/debian bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
libc6:
  Installed: 2.36
  Version table:
     2.37 500
        500 http://user:secret@mirror.example/debian bookworm/main amd64 Packages
 *** 2.36 100
        100 /var/lib/dpkg/status
"""
LIBC = AptPackage("libc6", "2", "amd64")
BAD_FILE = {"file": "../../etc/passwd", "sha256": A, "origin": ""}
NO_SUM = {"name": "x", "version": "1", "architecture": "all", "origin": "", "sha256": "", "file": "x.deb"}
DATA: dict[str, Any] = {
    "scipion::version": "3.8.3",
    "scipion::requirements": "",
    "scipion::variables": {},
    "em_package::packages": {},
}


def lock() -> Pins:
    found = Installed(
        (AptPackage("relion", "3", "amd64", "Debian/oldstable", B, "relion_3_amd64.deb"), LIBC),
        (PythonPackage("/opt/venv", "numpy", "1", "PyPI", C, "numpy-1-any.whl"),),
        (Archive("ctf.tar.gz", A, "facility"),),
    )  # fmt: skip
    software = {"scipion": "3.8.3", "plugins": {"p": "1"}, "em_packages": {"relion": "3"}, "example_data": {}}
    return Pins("cloudify-scipion 0.1.0", A, software, DATA, found)


def document(**changes: Any) -> bytes:
    return json.dumps({**json.loads(to_text(lock())), **changes}).encode()


def test_what_the_tools_print_becomes_entries() -> None:
    sums = read.parse_sums(SUMS)
    installed = read.parse_dpkg(
        "relion\t3.1.3-3+b1\tamd64\tinstalled\nlibc6\t2.36\tamd64\tinstalled\nx\t1\tall\tconfig-files\n"
    )
    origins = read.parse_origins(ORIGINS, read.parse_releases(POLICY), {"relion": "3.1.3-3+b1", "libc6": "2.36"})
    shown = read.parse_shown(
        f"Package: libc6\nVersion: 2.36\nDescription: x\n y: z\nSHA256: {C}\n\nPackage: x\nVersion: 1\n"
    )
    assert read.apt_packages(installed, sums, origins, shown) == (
        AptPackage("relion", "3.1.3-3+b1", "amd64", "Debian/oldstable", B, "relion_3.1.3-3+b1_amd64.deb"),
        AptPackage("libc6", "2.36", "amd64", "", C, ""),
        AptPackage("novnc", "1:1.3.0-1", "all", "", A, "novnc_1%3a1.3.0-1_all.deb", unpacked=True),
    )
    listed = json.dumps(
        [{"name": n, "version": v} for n, v in (("PyQt5-sip", "12.20.0"), ("scipion.em", "3.11.1"), ("pip", "23"))]
    )
    assert [(p.origin, p.file) for p in read.python_packages("/opt/venv", listed, sums, "PyPI")] == [
        ("PyPI", "PyQt5_sip-12.20.0-cp311-cp311-linux_x86_64.whl"),
        ("PyPI", "scipion-em-3.11.1.tar.gz"),
        ("python3-venv", ""),
    ]
    assert read.archives(sums, "facility") == (Archive("ctf.tar.gz", B, "facility"),)


def test_a_lock_comes_back_as_it_went_out_whatever_the_order() -> None:
    text = to_text(lock())
    assert check_pins(text.encode(), "l") == []
    assert to_text(from_text(text)) == text
    mixed = replace(lock().installed, apt=tuple(reversed(lock().installed.apt)))
    assert to_text(replace(lock(), installed=mixed)) == text
    assert "://" not in text
    assert lock().store_files() == {"debs/relion_3_amd64.deb": B, "wheels/numpy-1-any.whl": C, "archives/ctf.tar.gz": A}


@pytest.mark.parametrize(
    ("content", "path", "message"),
    [
        (b"{", "$", "not JSON"),
        (b"[]", "$", "not a mapping"),
        (document(format=2), "$.format", "format 2 is not known; this version reads format 1"),
        (document(base="x"), "$.base", "'x' is not allowed"),
        (document(bse=""), "$.bse", "did you mean 'base'?"),
        (document(archives=[BAD_FILE]), "$.archives[0].file", "not allowed"),
        (document(apt=[NO_SUM]), "$.apt[0].sha256", "the file x.deb has no SHA-256"),
        (document(data={**DATA, "system::user": "root"}), "$.data['system::user']", "not known"),
    ],
)  # fmt: skip
def test_a_bad_lock_is_refused_with_the_place(content: bytes, path: str, message: str) -> None:
    problems = check_pins(content, "l")
    assert [problem.path for problem in problems] == [path]
    assert message in problems[0].message


def test_a_project_must_ask_for_what_the_lock_has() -> None:
    asked = {"scipion": "3.8.3", "plugins": {"p": "2", "q": "1"}, "em_packages": {}, "example_data": {}}
    assert dict(request_problems(asked, lock())) == {
        "$.software.plugins.p": "the lock file has '1', the project asks for '2'",
        "$.software.plugins.q": "the lock file does not have it; remove it, or render without --lock",
        "$.software.em_packages.relion": "the lock file has '3', the project does not ask for it",
    }
    assert not [*request_problems(lock().software, lock())]


def test_what_is_found_is_compared_and_the_base_may_differ() -> None:
    given = lock().installed
    bare = Installed(
        (AptPackage("relion", "3", "amd64"), AptPackage("libc6", "3", "amd64"), AptPackage("new", "1", "all")),
        (PythonPackage("/opt/venv", "numpy", "2"),),
    )
    found = inherit(bare, given)
    assert found.apt[0] == given.apt[0]
    installed, base = differences(found, given)
    assert installed == ["/opt/venv: numpy: 2 instead of 1"]
    assert base == ["libc6: 3 (amd64) instead of 2 (amd64)", "new: 1 (all) instead of nothing"]
    assert "relion: absent instead of 3 (amd64)" in differences(inherit(Installed(), given), given)[0]


def test_the_order_of_what_puppet_was_told_does_not_matter() -> None:
    assert to_text(replace(lock(), data=dict(reversed(lock().data.items())))) == to_text(lock())


def test_a_lock_that_was_installed_again_as_it_is_stays_as_it_is() -> None:
    assert made_from(lock(), lock().installed, lock().base, "another version") == lock()
    other = made_from(lock(), lock().installed, "f" * 64, "another version")
    assert (other.base, other.made_by) == ("f" * 64, "another version")
