"""A small catalogue of this test's own, so that new entries in the real one change nothing here; and protocols."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cloudify_scipion.catalogue.entries.methods import Apt
from cloudify_scipion.catalogue.entries.model import (
    Catalogue,
    EmPackageVersion,
    Licence,
    PluginVersion,
    ProtocolFacts,
    ScipionVersion,
)

EXPORTS = Path(__file__).resolve().parents[3] / "cases/exports"
CORE = (
    "ProtImportVolumes ProtImportMicrographs ProtImportParticles ProtImportMovies ProtImportCTF ProtUserSubSet"
    " ProtSubSet"
)
RELION = (
    "ProtRelionMotioncor ProtRelionAutopickLoG ProtRelionExtractParticles ProtRelionClassify2D ProtRelionInitialModel"
    " ProtRelionClassify3D ProtRelionRefine3D ProtRelionCreateMask3D ProtRelionPostprocess"
)


def protocols(names: str) -> dict[str, ProtocolFacts]:
    return {name: ProtocolFacts(name) for name in names.split()}


def plugin(name: str, version: str, classes: str, **more: Any) -> PluginVersion:
    facts = {"scipion": ("3.8.3",), "module": name.removeprefix("scipion-em-"), "proof": "run"} | more
    return PluginVersion(name=name, version=version, protocols=protocols(classes), **facts)


def relion(version: str, **more: Any) -> PluginVersion:
    packages = {"em_packages": {"relion": ("3.1", "4.0")}, "default_packages": {"relion": "4.0"}}
    return plugin("scipion-em-relion", version, RELION, **(packages | more))


def catalogue() -> Catalogue:
    """Two Scipions; relion in four versions, of which the newest cannot be installed; plugins that share a class."""
    listed = {"proof": "listed", "not_installed": "nobody has pinned it"}
    em = {"em_packages": {"relion": ("5.0",)}, "default_packages": {"relion": "5.0"}}
    entries = [
        relion("4.0.9"),
        relion("4.0.20"),
        relion("4.0.10"),
        relion("5.0.2", **listed, **em),
        plugin("scipion-em-fsc3d", "3.0", "Prot3DFSC", **listed),
        plugin("scipion-em-nysbc", "3.1", "Prot3DFSC ProtNysbcOther"),
        plugin("scipion-em-closed", "1.0", "ProtClosed", licence=Licence("Closed 1", accept=True)),
        plugin(
            "scipion-em-gctf", "2.0", "ProtGctf", em_packages={"gctf": ("1.18",)}, default_packages={"gctf": "1.18"}
        ),
    ]
    plugins: dict[str, dict[str, PluginVersion]] = {}
    for entry in entries:
        plugins.setdefault(entry.name, {})[entry.version] = entry
    package = EmPackageVersion("relion", "3.1.3", Apt("/opt/em/relion-3.1"), label="3.1", proof="run")
    parts = {"3.8.3": ("3.11.7", "3.11.1"), "3.7.1": ("3.9.6", "3.9.4")}
    return Catalogue(
        scipion={
            name: ScipionVersion(
                name, "3.11", f"scipion-em=={em} --hash=sha256:0\nscipion-pyworkflow=={pyworkflow} --hash=sha256:0\n",
                protocols=protocols(CORE),
            )
            for name, (pyworkflow, em) in parts.items()
        },
        plugins=plugins,
        em_packages={"relion": {"3.1.3": package}},
        example_data={},
    )  # fmt: skip


def protocol(class_name: str, number: int = 2, **parameters: Any) -> dict[str, Any]:
    return {"object.className": class_name, "object.id": str(number), "object.label": class_name, **parameters}
