"""Accepting what a blueprint asks for, before anything is made: what may not change, secrets, files of a lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cloudify_scipion.lifecycle.layer import asked_software
from cloudify_scipion.lifecycle.pins import check_pins_can_be_met
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import refuse_changes
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.space import source_of, space_secrets
from cloudify_scipion.project.model import TimeLimit


def accept_request(
    services: Services, record: Record, document: Mapping[str, Any], volume_bytes: int, lock: str
) -> Record:
    """Refuse what cannot be given, and remember what later nodes will ask for. `document` is the checked project.

    It is empty for a blueprint that was written by hand, whose nodes say all themselves. `lock` is a lock file's text.
    """
    software, site = document.get("software"), record.settings["site"]
    asked = asked_software(software, site, lock) if software else None
    source = source_of(document.get("data", {})) if document else None
    refuse_changes(record, volume_bytes, asked, source)
    data, secrets = document.get("data", {}), document.get("secrets", {})
    space_secrets(services, record.asking("data", data).asking("secrets", secrets))
    if document:
        record = record.asking("time_limit", {**asdict(TimeLimit()), **document.get("time_limit", {})})
    if desktop := document.get("desktop"):  # so that one project run serves data and desktop
        record = record.asking("planned", {"desktop": desktop})
    if asked and lock:
        check_pins_can_be_met(services, record, lock)
    services.projects.save(record)
    return record
