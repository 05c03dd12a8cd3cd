"""Software layers: what a project's software amounts to, and the digest that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.pins.file import Pins, from_text, pinned_contents, text_digest
from cloudify_scipion.catalogue.software.puppet_data import MIRRORS, puppet_data, software_contents, software_digest
from cloudify_scipion.catalogue.software.resolve import resolve
from cloudify_scipion.catalogue.software.site_files import checksums, with_checksums
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.space import installed_classes, software_data
from cloudify_scipion.project.model import Software, built
from cloudify_scipion.project.site import files_from_document

ASKED_FILE = "asked.lock.json"
"""In the project's folder: the lock file that it is installed from."""
CLASSES = ("system", "scipion", "em_package", "desktop", "working_copy")


@dataclass(frozen=True)
class SoftwareLayer:
    """The Puppet classes and data of the software run, and the digest over all that goes into the layer."""

    digest: str
    classes: Sequence[str]
    data: Mapping[str, object]
    contents: Mapping[str, str]
    pins: Pins | None = None
    """The lock file that it is made from, if it is."""

    @property
    def run(self) -> str:
        """The kind of Puppet run that installs it."""
        return "locked" if self.pins else "software"


def asked_software(software: Mapping[str, Any], site: Mapping[str, Any], pins: str) -> dict[str, Any]:
    """What the record keeps of the software that is asked for: with the digest of the lock file whose text is `pins`.

    Without a lock, `files` are the archives with the SHA-256 that they must have: a site file that states another one
    later changes nothing in what is installed.
    """
    if pins:
        return {**software, "lock": text_digest(pins), "files": {}}
    files = checksums(built(Software, software), files_from_document(site), load_catalogue())
    return {**software, "lock": "", "files": files}


def software_layer(services: Services, record: Record) -> SoftwareLayer:
    """The layer that the record's software needs. Raises InputError for software that the catalogue does not have."""
    asked = record.settings["software"]
    if asked.get("lock"):
        return _kept_layer(services, record, asked["lock"])
    chosen = resolve(built(Software, asked), load_catalogue())
    software = with_checksums(chosen, asked.get("files") or {})
    data = {**puppet_data(software, list(record.site().mirrors.values())), **software_data(record)}
    classes = _classes(data)
    digest = software_digest(
        services.of(record).machines.base_digest(), services.puppet.modules_digest(), classes, data
    )
    return SoftwareLayer(digest, classes, data, software_contents(software))


def locked_files(services: Services, record: Record) -> Mapping[str, str]:
    """Files of the store that the record's software is made of; none without a lock file."""
    asked = record.settings.get("software", {})
    pins = software_layer(services, record).pins if asked.get("lock") else None
    return pins.store_files() if pins else {}


def _kept_layer(services: Services, record: Record, digest: str) -> SoftwareLayer:
    """The layer of the lock file that the project is installed from."""
    text = services.projects.kept(record.project, ASKED_FILE)
    if text_digest(text) != digest:
        raise PermanentError(f"the lock file of project '{record.project}' is gone or was changed", "install again")
    return locked_layer(services, record, text)


def locked_layer(services: Services, record: Record, text: str) -> SoftwareLayer:
    """The layer of a lock file of that text: neither the catalogue nor a mirror has a say in it."""
    digest, pins = text_digest(text), from_text(text)
    base, code = services.of(record).machines.base_digest(), services.puppet.modules_digest()
    classes = _classes(pins.data)
    name = software_digest(base, code, classes, {**pins.data, "lock": digest})
    return SoftwareLayer(name, classes, {**pins.data, MIRRORS: []}, pinned_contents(pins), pins)


def _classes(data: Mapping[str, object]) -> Sequence[str]:
    return (*CLASSES, *installed_classes(data))
