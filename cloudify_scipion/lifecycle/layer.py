"""Software layers: what a project's software amounts to, and the digest that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudify_scipion.catalogue.load import load_catalogue
from cloudify_scipion.catalogue.puppet_data import puppet_data, software_contents, software_digest
from cloudify_scipion.catalogue.resolve import resolve
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.project.model import software_from_document

CLASSES = ("system", "scipion", "em_package", "desktop")


@dataclass(frozen=True)
class SoftwareLayer:
    """The Puppet classes and data of the software run, and the digest over all that goes into the layer."""

    digest: str
    classes: Sequence[str]
    data: Mapping[str, object]
    contents: Mapping[str, str]


def software_layer(services: Services, record: Record) -> SoftwareLayer:
    """The layer that the record's software needs. Raises InputError for software that the catalogue does not have."""
    asked = record.settings["software"]
    software = resolve(software_from_document(asked), load_catalogue())
    data = puppet_data(software, _mirrors(record.settings.get("site", {})))
    digest = software_digest(services.machines.base_digest(), services.puppet.modules_digest(), CLASSES, data)
    return SoftwareLayer(digest, CLASSES, data, software_contents(software))


def _mirrors(site: Mapping[str, Any]) -> list[str]:
    """URLs of the site's mirrors, in the order of the site file."""
    return [mirror["url"] for mirror in site.get("mirrors", {}).values()]
