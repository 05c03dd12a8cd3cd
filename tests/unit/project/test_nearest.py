"""What somebody may have meant: small slips are mended, far-off names are not guessed."""

from __future__ import annotations

import pytest

from cloudify_scipion.project.nearest import LISTED, LONGEST, nearest, nearest_or_all

PLUGINS = ("scipion-em-gctf", "scipion-em-motioncorr", "scipion-em-relion", "scipion-em-tomo", "scipion-em-tomo3d")
PACKAGES = ("cryolo", "cryolo_model", "eman", "motioncor2", "relion")
NEEDS = ("cpus", "ram_gb", "gpus", "gpu_memory_gb")


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("titel", ("id", "title"), "title"),
        ("ID", ("id", "title"), "id"),
        ("MotionCor2", PACKAGES, "motioncor2"),
        ("scipion-em-relian", PLUGINS, "scipion-em-relion"),
        ("scipion-em-motioncor2", PLUGINS, "scipion-em-motioncorr"),
        ("relion", PLUGINS, "scipion-em-relion"),
        ("tomo", PLUGINS, "scipion-em-tomo"),
        ("RELION", PLUGINS, "scipion-em-relion"),
        ("paris", ("Europe/London", "Europe/Paris"), "Europe/Paris"),
        ("gpu", NEEDS, "gpus"),
        ("ram", NEEDS, "ram_gb"),
        ("volt", ("box", "voltage"), "voltage"),
    ],
)
def test_a_slip_is_mended(word: str, known: tuple[str, ...], meant: str) -> None:
    assert nearest(word, known) == f"; did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("scipion-em-ctffind", PLUGINS),  # most of its letters are those of every plugin
        ("scipion", PLUGINS),  # is a part of them all
        ("coot", PACKAGES),
        ("AST", ("Europe/Astrakhan",)),
        ("ProtFooBar", ("ProtocolBase",)),
        ("7", ("name-7", "name-8")),
        ("", ("a",)),
        ("x" * (LONGEST + 1), ("x" * LONGEST,)),
        ("x", ()),
    ],
)
def test_nothing_is_guessed(word: str, known: tuple[str, ...]) -> None:
    assert nearest(word, known) == ""


def test_all_are_named_if_they_are_few() -> None:
    assert nearest_or_all("colour", ("id", "title")) == "; known are id, title"
    assert nearest_or_all("colour", ()) == "; known are none"
    many = [f"name{number:02}" for number in range(LISTED + 1)]
    assert nearest_or_all("colour", many) == ""
    assert nearest_or_all("colour", many, "see the list") == "; see the list"
    assert nearest_or_all("nome03", many) == "; did you mean 'name03'?"
