"""The seal: the proof, made after the last writer was gone, that the data space holds all that the volume holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.facts import VolumeFacts
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import note, update
from cloudify_scipion.lifecycle.record import Record

_OF_A_SEAL = ("project", "volume", "generation", "manifest", "files", "bytes")


def valid_seal(record: Record, volume: VolumeFacts) -> bool:
    """Whether nobody can have written since the seal: it is the record's, of this generation, and the volume's."""
    seal = record.seal
    return (
        bool(seal)
        and (seal["project"], seal["volume"]) == (record.project, record.volume)
        and seal["generation"] == record.generation
        and volume.tags.get("seal") == seal["manifest"]
    )


def keep_seal(services: Services, record: Record, facts: Mapping[str, Any]) -> Record:
    """Remember a seal: in the record, then in the volume's tags; only both together are one."""
    seal = dict(facts)
    lacking = [name for name in _OF_A_SEAL if name not in seal]
    if lacking or (seal["project"], seal["volume"]) != (record.project, record.volume):
        raise PermanentError(f"the agent's seal is not one of volume {record.volume}: {seal}", "seal again")
    record = update(services, record, seal=seal)
    services.volumes.tag(record.volume, record.volume_tags())
    return note(services, record, f"SEALED: all {seal['files']} files ({seal['bytes']} bytes) are proven to be saved")


def unseal(services: Services, record: Record) -> Record:
    """Before anybody may write again: the seal is taken from the record, the volume's tags and the volume."""
    record = update(services, record, seal={})
    services.volumes.tag(record.volume, record.volume_tags())
    services.volumes.attach(record.volume)
    services.volumes.unseal(record.volume)
    return record
