"""The catalogue's own data: every file, and facts that people can look up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudify_scipion.catalogue.entries import load
from cloudify_scipion.catalogue.entries.load import catalogue_problems, load_catalogue
from cloudify_scipion.catalogue.entries.model import (
    PHASES,
    PROOFS,
    EmPackageVersion,
    Licence,
    Number,
    PluginVersion,
    ProtocolFacts,
)
from cloudify_scipion.catalogue.software.protocols import providers
from cloudify_scipion.catalogue.software.requirements import merge_requirements
from cloudify_scipion.project.documents import read_yaml

CATALOGUE = load_catalogue()
DATA = Path(load.__file__).parents[1] / "data"


def plugins() -> Iterator[PluginVersion]:
    return (entry for versions in CATALOGUE.plugins.values() for entry in versions.values())


def packages() -> Iterator[EmPackageVersion]:
    return (entry for versions in CATALOGUE.em_packages.values() for entry in versions.values())


def protocols() -> Iterator[ProtocolFacts]:
    yield from CATALOGUE.scipion["3.8.3"].protocols.values()
    for plugin in plugins():
        yield from plugin.protocols.values()


def test_every_file_is_right() -> None:
    assert catalogue_problems() == []


def test_the_quick_reader_and_the_careful_one_agree_on_every_file() -> None:
    for path in sorted(DATA.glob("*/*.yaml")):
        careful = read_yaml(path, "x")
        assert careful.problems == ()
        assert json.dumps(load._read(path, "x").value) == json.dumps(careful.value), path.name


# The newest version of every plugin on PyPI when it was read out of Scipion; two are parts of Scipion itself.
ALL = """
appion 3.1.0, aretomo 4.0.1, atomstructutils 3.0.3, atsas 3.1, bamfordlab 3.0.0, bsoft 3.0.6, carbonara 0.0.2,
ccp4 3.2.0, chimera 4.0.1, cistem 3.10.1, continuousflex 3.4.2, cryoassess 3.4.1, cryocare 4.2.4, cryodrgn 3.13.1,
cryoef 3.0.16, cryosparc2 5.0.1, cryoten 1.0.0, deepfinder 3.2.3, dynamo 3.5.3, eman2 3.7.0, emantomo 3.4.3,
facilities 3.3.1, empiar 3.1.1, emready 3.1.2, emxlib 3.0.1, fidder 3.2.2, flexutils 3.4.0, fsc3d 3.2.3,
gapstop 3.3.0, gautomatch 3.2.1, gctf 3.2.2, hax 1.0.1, imagic 3.0.14, imod 3.9.1, kiharalab 1.1.3, localrec 3.2.0,
locscale 3.1.2, membrain 3.1.5, miffi 1.1.0, modelangelo 3.1.1, motioncorr 4.0.1, novactf 4.0.1, phenix 3.2.1,
prody 3.3.0, pyseg 3.1.3, recovar 3.1.1, relion 5.0.2, reliontomo 4.0.5, repic 3.2.0, resmap 3.0.3,
sidesplitter 3.0.13, smartscope 3.0.1, sphire 3.2.6, spider 3.1.8, spoc 1.0.6, tardis 3.0.1, tomo 3.12.4,
tomo3d 3.4.2, tomosegmemtv 3.3.1, tomotwin 3.5.3, tomoviz 3.2.1, topaz 3.1.2, warp 3.6.2, xmipp 29.0.1,
xmipptomo 3.24.6.2
"""


def test_all_plugins_are_there() -> None:
    expected = dict(item.split() for item in " ".join(ALL.split()).split(", "))
    parts = CATALOGUE.scipion["3.8.3"].parts
    assert parts == {"scipion-app": "3.8.3", "scipion-pyworkflow": "3.11.7", "scipion-em": "3.11.1"}
    assert len(expected) + 2 == 67
    for name, version in expected.items():
        assert version in CATALOGUE.plugins[f"scipion-em-{name}"]


def test_proofs_and_what_they_say() -> None:
    for plugin in plugins():
        assert plugin.proof in PROOFS
        assert plugin.installable == bool(plugin.requirements), plugin.name
        assert plugin.installable or plugin.proof == "listed"
        if plugin.requirements:
            assert re.search(rf"(?m)^{plugin.name}=={re.escape(plugin.version)} ", plugin.requirements), plugin.name
    for package in packages():
        assert package.installable or package.proof == "listed"
    ran = [(entry.name, entry.version) for entry in (*plugins(), *packages()) if entry.proof == "run"]
    assert ("scipion-em-relion", "4.0.20") in ran
    assert ("relion", "3.1.3") in ran


def test_requirements_are_pinned_once() -> None:
    for plugin in plugins():
        lines = [line for line in plugin.requirements.splitlines() if not line.startswith("#")]
        assert len(merge_requirements([plugin.requirements]).split(" \\\n")) == len(lines) + 1 or not lines, plugin.name


def test_packages_that_plugins_name_are_there() -> None:
    for plugin in plugins():
        for name, labels in plugin.em_packages.items():
            known = {entry.label for entry in CATALOGUE.em_packages[name].values()}
            assert set(labels) <= known, f"{plugin.name}: {name}"
        for name, label in plugin.default_packages.items():
            assert label in plugin.em_packages[name], plugin.name


def test_every_number_has_a_source_or_is_an_estimate() -> None:
    numbers = [
        number
        for facts in protocols()
        for number in (facts.ram_gb_per_process, facts.gpu_memory_gb, facts.compute_capability)
        if number
    ]
    assert len(numbers) > 100
    assert all(bool(number.source) != bool(number.estimate) for number in numbers)


def test_facts_are_possible() -> None:
    for facts in protocols():
        assert facts.phase in PHASES
        assert facts.threads >= 1
        assert facts.mpi >= 1
        assert facts.gpu != "no" or not facts.gpu_default, facts.class_name
        assert facts.source or facts.class_name in CATALOGUE.scipion["3.8.3"].protocols, facts.class_name


def fact(name: str, plugin: str, version: str) -> ProtocolFacts:
    return CATALOGUE.plugins[plugin][version].protocols[name]


KNOWN = [
    ("ProtRelionClassify2D", "scipion-em-relion", "4.0.20", "2D classification", "optional", True, 1, 3, "classify2d"),
    ("ProtRelionClassify3D", "scipion-em-relion", "5.0.2", "3D classification", "optional", True, 1, 3, "classify3d"),
    ("ProtRelionRefine3D", "scipion-em-relion", "4.0.20", "3D auto-refine", "optional", True, 1, 3, "refine"),
    ("ProtRelionMotioncor", "scipion-em-relion", "4.0.20", "motion correction", "no", False, 4, 1, "movies"),
    ("ProtRelionBayesianPolishing", "scipion-em-relion", "4.0.20", "bayesian polishing", "no", False, 1, 1, "polish"),
    ("ProtMotionCorr", "scipion-em-motioncorr", "4.0.1", "movie alignment", "required", True, 1, 1, "movies"),
    ("ProtGctf", "scipion-em-gctf", "3.2.2", "ctf estimation", "required", True, 1, 1, "ctf"),
    ("CistemProtCTFFind", "scipion-em-cistem", "3.10.1", "ctffind", "no", False, 3, 8, "ctf"),
    ("SphireProtCRYOLOPicking", "scipion-em-sphire", "3.2.6", "cryolo picking", "optional", True, 1, 1, "pick"),
    ("TopazProtPicking", "scipion-em-topaz", "3.1.2", "picking", "required", True, 1, 1, "pick"),
    ("ProtCryo2D", "scipion-em-cryosparc2", "5.0.1", "2D classification", "required", True, 1, 2, "classify2d"),
    ("XmippProtExtractParticles", "scipion-em-xmipp", "29.0.1", "extract particles", "no", False, 4, 1, "extract"),
]  # fmt: skip


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known[0]}-{known[2]}")
def test_known_protocols(known: tuple[str, str, str, str, str, bool, int, int, str]) -> None:
    name, plugin, version, *expected = known
    facts = fact(name, plugin, version)
    found = [facts.label, facts.gpu, facts.gpu_default, facts.threads, facts.mpi, facts.phase]
    assert found == expected


def test_a_gpu_of_relion() -> None:
    facts = fact("ProtRelionClassify2D", "scipion-em-relion", "4.0.20")
    assert isinstance(facts.gpu_memory_gb, Number)
    assert isinstance(facts.compute_capability, Number)
    assert (facts.gpu_memory_gb.value, facts.compute_capability.value) == (8, 3.5)
    assert "IBERGRID 2018" in facts.gpu_memory_gb.source


def test_where_classes_come_from() -> None:
    core = CATALOGUE.scipion["3.8.3"].protocols
    assert {"ProtImportMovies", "ProtImportParticles", "ProtUnionSet", "ProtUserSubSet", "ProtSubSet"} <= set(core)
    assert core["ProtImportMovies"].phase == "import"
    assert list(providers("ProtCTFFind", CATALOGUE)) == ["scipion-em-grigoriefflab"]
    assert [entry.version for entry in providers("ProtRelionClassify2D", CATALOGUE)["scipion-em-relion"]] == [
        "4.0.20",
        "5.0.2",
    ]
    assert providers("MonitorCTF", CATALOGUE) == {}, "a class of a plugin that is no protocol"


def test_licences() -> None:
    asking = {entry.name for entry in packages() if entry.licence and entry.licence.accept}
    assert {"motioncor2", "gctf", "gautomatch", "cryosparc", "phenix", "cryolo", "cryolo_model", "mainmast"} <= asking
    assert "recovar" not in asking, "0.4.5 is GPL; only later versions are for non-commercial use"
    free = {entry.name: entry.licence for entry in packages() if entry.licence and not entry.licence.accept}
    assert free["relion"] == Licence("GPL-2.0-or-later", False, "https://github.com/3dem/relion")
    assert {"motioncor3", "ctffind", "eman", "xmipp3", "cistem", "imod"} <= set(free)
