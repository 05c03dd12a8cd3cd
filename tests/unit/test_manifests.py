"""Puppet's manifests: what decides something is a program with a name, and packages have one way in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PUPPET = Path(__file__).resolve().parents[2] / "puppet"
LONGEST = 120
"""Characters of a text in a manifest, before its variables are filled in."""
SHELL = re.compile(r"&&|\|\||\||;|`|\$\(|\bsh -c\b|>\s*/|\beval\b|\bprovider\s*=>\s*shell\b")
PACKAGES = re.compile(r"\b(apt-get|apt|aptitude|dpkg)\s+(-\S+\s+)*(install|-i)\b")
HOMES = {
    "daemon-reload": "system/manifests/units.pp",
    "fetching::command} --tries": "system/manifests/packages.pp",
}
"""What one manifest does for all others."""


def manifests() -> Iterator[tuple[str, str]]:
    """Each manifest's name and text, without comments."""
    for path in sorted(PUPPET.rglob("manifests/**/*.pp")):
        yield (
            str(path.relative_to(PUPPET / "modules")) if "modules" in path.parts else path.name,
            without_comments(path.read_text("utf-8")),
        )


def without_comments(text: str) -> str:
    """Whole lines only: no other comments stand in our manifests."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def texts(manifest: str) -> list[str]:
    """What stands between quotation marks."""
    return [one or two for one, two in re.findall(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'', manifest)]


def programs(manifest: str) -> list[str]:
    """Commands and guards of a manifest that are programs in disguise: too long, or with a shell's control flow."""
    commands = re.findall(r"\b(?:command|unless|onlyif)\s*=>\s*(.+)", manifest)
    found = [text for text in texts(manifest) if len(text) > LONGEST]
    found += [text for command in commands for text in texts(command) if SHELL.search(text)]
    found += [command for command in commands if not texts(command)]  # put together elsewhere: nobody sees what it is
    return found + re.findall(r"provider\s*=>\s*shell", manifest)


def packages(manifest: str) -> list[str]:
    """Packages that a manifest installs by its own means."""
    found = [text for text in texts(manifest) if PACKAGES.search(text)]
    bodies = re.findall(r"(?m)^\s*(?:-> |~> )?package \{[^}]*\}", manifest)
    return found + [body for body in bodies if not re.search(r"ensure\s*=>\s*(purged|absent)", body)]


def test_no_manifest_holds_a_program() -> None:
    found = {name: programs(text) for name, text in manifests()}
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_no_unit_holds_a_program() -> None:
    units = [*PUPPET.rglob("*.epp"), *PUPPET.rglob("*.service")]
    lines = [line for path in units for line in path.read_text("utf-8").splitlines() if line.startswith("Exec")]
    filled = [re.sub("<%=.*?%>", "x", line) for line in lines]
    assert len(filled) > 10 and [line for line in filled if SHELL.search(line)] == []


def test_packages_are_installed_in_one_way() -> None:
    found = {name: packages(text) for name, text in manifests()}
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize(("words", "home"), HOMES.items())
def test_one_manifest_does_it_for_all(words: str, home: str) -> None:
    assert [name for name, text in manifests() if words in text] == [home]


@pytest.mark.parametrize(
    "manifest",
    [
        "exec { 'x':\n  command => 'a && b',\n}",
        'exec { "x":\n  command => "for i in ${y}; do z; done",\n}',
        "exec { 'x':\n  command => '/bin/x',\n  unless => 'a | b',\n}",
        'exec { "x":\n  command => "/bin/x",\n  onlyif => "test \\"\\$(cat ${y})\\" = z",\n}',
        "exec { 'x':\n  command  => '/bin/x',\n  provider => shell,\n}",
        "exec { 'x':\n  command => $steps.join(' '),\n}".replace("' '", "$with"),
        f"exec {{ 'x':\n  command => '/bin/x {'y' * LONGEST}',\n}}",
    ],
)
def test_a_program_in_disguise_is_found(manifest: str) -> None:
    assert len(programs(manifest)) == 1


@pytest.mark.parametrize(
    "manifest",
    [
        "exec { 'x':\n  command => 'apt-get -y install nano',\n}",
        "  package { 'nano':\n    ensure => installed,\n  }",
        "  -> package { $names: }",
    ],
)
def test_another_way_of_installing_is_found(manifest: str) -> None:
    assert len(packages(manifest)) == 1
    assert packages("  -> package { $x:\n    ensure => purged,\n  }") == []
