"""Projects, sites and facts to start from in tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloudify_scipion.catalogue.entries.model import Catalogue, PluginVersion, ProtocolFacts, ScipionVersion
from cloudify_scipion.catalogue.sizing.needs import Needs, needs_of
from cloudify_scipion.catalogue.sizing.steps import Workload, workload_of
from cloudify_scipion.project.documents import read_yaml
from cloudify_scipion.project.model import Project, project_from_document
from cloudify_scipion.project.site import Flavour, Site, site_from_document

ROOT = Path(__file__).resolve().parents[4]
IFCA, EXAMPLE_CLOUD = (
    site_from_document(read_yaml(ROOT / f"inputs/sites/{name}.yaml", name).value) for name in ("ifca", "example-cloud")
)

FACTS = {
    "Import": ProtocolFacts("Import", phase="import"),
    "Align": ProtocolFacts("Align", phase="movies", threads=4),
    "AlignOnGpu": ProtocolFacts("AlignOnGpu", phase="movies", gpu="required", gpu_default=True),
    "Ctf": ProtocolFacts("Ctf", phase="ctf", threads=0, mpi=4),
    "Pick": ProtocolFacts("Pick", phase="pick", mpi=4),
    "Extract": ProtocolFacts("Extract", phase="extract", mpi=4),
    "Classify2D": ProtocolFacts("Classify2D", phase="classify2d", gpu="optional", gpu_default=True, mpi=3),
    "Classify3D": ProtocolFacts("Classify3D", phase="classify3d", gpu="optional", gpu_default=True, mpi=3),
    "Refine": ProtocolFacts("Refine", phase="refine", gpu="optional", gpu_default=True, mpi=3),
    "Polish": ProtocolFacts("Polish", phase="polish", threads=32),
    "Sharpen": ProtocolFacts("Sharpen", phase="post"),
}
CATALOGUE = Catalogue(
    {"1.0": ScipionVersion("1.0", "3.11", "", protocols={"Import": FACTS["Import"]})},
    {"tool": {"1": PluginVersion("tool", "1", ("1.0",), protocols=FACTS)}},
    {},
    {},
)
USUAL = ("Import", "Align", "Pick", "Extract", "Classify2D", "Refine")

# EMPIAR-10061: beta-galactosidase, K2 in super-resolution. Its geometry agrees with the talk's size: 38 frames of
# 7676 x 7420 float pixels are 8.06 GiB, and 1539 such movies 12.4 thousand GiB (the talk: 12.4 TB).
EMPIAR_10061 = {
    "detector": {"width": 7676, "height": 7420}, "frames": 38, "super_resolution": True, "pixel_size_angstrom": 0.3185,
    "movies": 1539, "particles": 110000, "box_size": 384,
}  # fmt: skip
SUBSET_AT_LOW_RESOLUTION = {**EMPIAR_10061, "movies": 97, "bin_factor": 2, "particles": 7000, "box_size": 192}


def project(
    *classes: str, acquisition: Mapping[str, Any] = EMPIAR_10061, needs: Any = "auto", **parameters: Any
) -> Project:
    """A project with a workflow of these classes; `parameters` go into every step."""
    protocols = [
        {"object.className": name, "object.id": str(index + 1), "object.label": name.lower(), **parameters}
        for index, name in enumerate(classes)
    ]
    document = {"id": "p", "title": "P", "software": {"scipion": "1.0", "plugins": {"tool": "1"}}, "needs": needs}
    document |= {"volume": {"size_gb": 1}, "acquisition": acquisition}
    return project_from_document(document, protocols)


def work(given: Project) -> Workload:
    return workload_of(given, CATALOGUE)


def needs(given: Project) -> Needs:
    return needs_of(work(given))


def site(*flavours: Flavour) -> Site:
    return Site("here", "openstack", flavours=flavours)
