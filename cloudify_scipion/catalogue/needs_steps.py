"""A workflow's steps as far as they say what machine they need: facts of their protocols, and their own parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudify_scipion.catalogue.model import Catalogue
from cloudify_scipion.project.model import Project, Software


@dataclass(frozen=True)
class Facts:
    """What is known of a protocol class; None is not known.

    `gpu` is no, optional or required; `phase` is import, movies, ctf, pick, extract, classify2d, initial, classify3d,
    refine, polish, post or other.
    """

    class_name: str
    label: str = ""
    gpu: str = "no"
    gpu_default: bool = False
    threads: int = 1
    mpi: int = 1
    ram_gb_per_process: float | None = None
    gpu_memory_gb: float | None = None
    compute_capability: float | None = None
    phase: str = "other"


def _table(text: str) -> dict[str, Facts]:
    """Facts from lines `class phase gpu threads mpi`; gpu is no, optional, default (optional, on) or required."""
    known = {}
    for line in text.strip().splitlines():
        name, phase, gpu, threads, mpi = line.split()
        kind = "optional" if gpu == "default" else gpu
        on = gpu in ("default", "required")
        known[name] = Facts(name, "", kind, on, int(threads), int(mpi), phase=phase)
    return known


WELL_KNOWN = _table("""
    ProtImportMovies            import      no        1 1
    ProtImportMicrographs       import      no        1 1
    ProtImportParticles         import      no        1 1
    ProtImportCoordinates       import      no        1 1
    ProtImportCTF               import      no        1 1
    ProtImportVolumes           import      no        1 1
    ProtImportAverages          import      no        1 1
    ProtImportMask              import      no        1 1
    ProtMotionCorr              movies      required  1 1
    ProtRelionMotioncor         movies      no        4 1
    ProtRelionCompressMovies    movies      no        4 1
    ProtMovieAlignment          movies      no        4 1
    CistemProtUnblur            movies      no        1 1
    CistemProtCTFFind           ctf         no        3 8
    ProtCTFFind                 ctf         no        4 1
    ProtGctf                    ctf         required  1 1
    ProtRelionAutopickLoG       pick        no        1 4
    ProtRelion2Autopick         pick        default   1 4
    SphireProtCRYOLOPicking     pick        default   1 1
    ProtGautomatch              pick        required  1 1
    TopazProtPicking            pick        required  1 1
    EmanProtBoxing              pick        no        1 1
    XmippProtParticlePicking    pick        no        1 1
    XmippParticlePickingAutomatic pick      no        1 1
    ProtRelionExtractParticles  extract     no        1 4
    XmippProtExtractParticles   extract     no        1 1
    ProtRelionClassify2D        classify2d  default   1 3
    ProtRelionInitialModel      initial     default   1 1
    ProtRelionClassify3D        classify3d  default   1 3
    ProtRelionRefine3D          refine      default   1 3
    ProtRelionMultiBody         refine      default   1 3
    ProtRelionCtfRefinement     polish      no        1 1
    ProtRelionBayesianPolishing polish      no        1 1
    ProtRelionPostprocess       post        no        1 1
    ProtRelionLocalRes          post        no        1 1
    ProtRelionCreateMask3D      post        no        4 1
    ProtRelionSelectClasses2D   post        no        1 1
    ProtUserSubSet              post        no        1 1
    ProtRelionResizeVolume      post        no        1 1
""")
"""Protocols whose facts the catalogue does not have; GPU use, threads and MPI as the real classes declare them."""


@dataclass(frozen=True)
class Step:
    """A protocol of a workflow. What its parameters say goes before what its class declares.

    `box` is the side in pixels of the particles that it works on, if that is known.
    """

    number: str
    facts: Facts
    parameters: Mapping[str, Any]
    box: int | None = None

    @property
    def name(self) -> str:
        """Its label in the workflow, class and number, for people."""
        label = str(self.parameters.get("object.label") or self.facts.label or self.facts.class_name)
        return f"{label} ({self.facts.class_name}, protocol {self.number})"

    @property
    def cores(self) -> int:
        """Threads times processes."""
        return self.threads * self.mpi

    @property
    def threads(self) -> int:
        """Threads of each process, 1 at least."""
        return max(1, whole(self.parameters.get("numberOfThreads"), self.facts.threads))

    @property
    def mpi(self) -> int:
        """Processes, 1 at least."""
        return max(1, whole(self.parameters.get("numberOfMpi"), self.facts.mpi))

    @property
    def followers(self) -> int:
        """Processes that do the work: all but the leader where there are several (RELION)."""
        return max(1, self.mpi - 1)

    @property
    def switch(self) -> str:
        """The parameter that turns the GPU on or off, as `doGpu: True`; empty if it has none."""
        return next((f"{key}: {self.parameters[key]}" for key in ("doGpu", "useGpu") if key in self.parameters), "")

    @property
    def uses_gpu(self) -> bool:
        """Whether it runs on a graphics card."""
        if self.facts.gpu != "optional":
            return self.facts.gpu == "required"
        given = next((self.parameters[key] for key in ("doGpu", "useGpu") if key in self.parameters), None)
        return self.facts.gpu_default if given is None else is_true(given)

    @property
    def gpu_list(self) -> str:
        """The cards that it asks for, as written; empty means any."""
        return str(self.parameters.get("gpusToUse") or self.parameters.get("gpuList") or "")

    @property
    def cards(self) -> int:
        """How many graphics cards it uses: those its list names, 1 at least; 0 without a GPU."""
        return max(1, len(set(re.findall(r"[0-9]+", self.gpu_list)))) if self.uses_gpu else 0


def steps_of(project: Project, catalogue: Catalogue) -> tuple[Step, ...]:
    """The workflow's steps, in the order of the file. A step's box is the one extracted last before it."""
    box, steps = project.acquisition.box_size, []
    for protocol in project.workflow.protocols:
        facts = facts_of(catalogue, project.software, protocol)
        if facts.phase == "extract":
            box = _extracted(protocol) or box
        steps.append(Step(str(protocol["object.id"]), facts, protocol, box))
    return tuple(steps)


def facts_of(catalogue: Catalogue, software: Software, protocol: Mapping[str, Any]) -> Facts:
    """What is known of a protocol's class. An unknown one counts as `other`, with a GPU if it has a switch for one."""
    name = str(protocol["object.className"])
    known = WELL_KNOWN.get(name)
    if known is None:
        return Facts(name, gpu="optional" if "doGpu" in protocol or "useGpu" in protocol else "no")
    return known


def whole(value: object, otherwise: int) -> int:
    """A whole number that a workflow gives as number or text, or `otherwise`."""
    number = real(value, otherwise)
    return int(number) if number == number and abs(number) < 1e9 else otherwise


def real(value: object, otherwise: float) -> float:
    """A number that a workflow gives as number or text, or `otherwise`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return otherwise
    try:
        return float(value)
    except ValueError:
        return otherwise


def _extracted(parameters: Mapping[str, Any]) -> int:
    key = "rescaledSize" if is_true(parameters.get("doRescale", False)) else "boxSize"
    return max(0, whole(parameters.get(key), 0))


def is_true(value: object) -> bool:
    """Whether a workflow's value, number or text, means yes."""
    return value.strip().lower() in ("true", "1", "yes") if isinstance(value, str) else bool(value)
