"""The seal: the proof, made after the last writer was gone, that the data space holds all that the volume holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudify_scipion.errors import PermanentError, ScipionError
from cloudify_scipion.lifecycle.agent import unit
from cloudify_scipion.lifecycle.closing import end_watch, is_read_only, make_writable
from cloudify_scipion.lifecycle.facts import VolumeFacts
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import note, update
from cloudify_scipion.lifecycle.record import Record

VERSION = 1
"""Of seals: what a later version of the agent has proven is not known here, and so is no proof."""
_OF_A_SEAL = ("version", "project", "volume", "generation", "manifest", "files", "bytes")


def is_sealed(services: Services, record: Record) -> bool:
    """Whether all is proven to be saved: record, generation, tags, and what lies on the volume itself agree.

    Whatever mounts the volume writable removes what lies on it first, whether or not anybody of us was told.
    """
    return valid_seal(record, services.of(record).volumes.look(record.volume)) and _is_on_volume(services, record)


def valid_seal(record: Record, volume: VolumeFacts) -> bool:
    """What can be said without a look at the volume: the seal is the record's, of this generation, and the tags'."""
    return _is_of(record.seal, record) and volume.tags.get("seal") == record.seal["manifest"]


def keep_seal(services: Services, record: Record, facts: Mapping[str, Any]) -> Record:
    """Remember a seal that lies on the volume: in the record, then in the volume's tags; only all together are one."""
    seal = dict(facts)
    if isinstance(version := seal.get("version"), int) and version > VERSION:
        raise PermanentError(
            f"the agent on the machine is of a later version, and so is its seal (version {version}; this one knows "
            f"{VERSION}): it is no proof here",
            "install that version again, or repair the project with this one",
        )
    if not _is_of(seal, record):
        raise PermanentError(f"the agent's seal is not one of volume {record.volume}: {seal}", "seal again")
    record = update(services, record, seal=seal)
    services.of(record).volumes.tag(record.volume, record.volume_tags())
    return note(services, record, f"SEALED: all {seal['files']} files ({seal['bytes']} bytes) are proven to be saved")


def unseal(services: Services, record: Record) -> Record:
    """Before anybody may write again: the seal is taken from the record, the volume's tags and the volume."""
    record = _without_seal(services, record)
    services.of(record).volumes.attach(record.volume)
    services.of(record).volumes.unseal(record.volume)
    return record


def reopen(services: Services, record: Record) -> Record:
    """Let the user of a running machine write again: whatever seals is stopped, and any seal is taken away, before."""
    shell = services.connect(record)
    if is_read_only(shell):
        shell.run(["systemctl", "stop", unit("seal")], timeout=120, expect=range(128))
        record = unseal(services, record)
        make_writable(shell)
        end_watch(shell)
    return record


def recheck_seal(services: Services, record: Record) -> Record:
    """Take the seal away if its machine was booted from inside since, say: it is not on the volume any more, or the
    machine runs and the working copy is writable."""
    if not record.seal or not services.of(record).volumes.look(record.volume).exists:
        return record
    running = services.of(record).machines.look(record.machine).running
    if _is_on_volume(services, record) and (not running or _is_read_only(services, record)):
        return record
    record = unseal(services, record) if running else _without_seal(services, record)
    return note(services, record, "the seal was taken away: the working copy was writable again")


def is_closed(services: Services, record: Record) -> bool:
    """Whether a running machine can write nothing, and a seal of its generation lies on the volume.

    Record and tags may not know of it: whoever made it was killed before it could tell them.
    """
    seal = _on_volume(services, record)
    return _is_of(seal, record) and _is_read_only(services, record)


def _is_read_only(services: Services, record: Record) -> bool:
    try:
        return is_read_only(services.connect(record))
    except ScipionError as error:
        services.progress.say(f"the machine does not say whether its working copy is still sealed: {error.what}")
        return False


def _is_on_volume(services: Services, record: Record) -> bool:
    """Whether the record's seal lies on the volume."""
    found = _on_volume(services, record)
    return all(name in found and found[name] == record.seal.get(name) for name in _OF_A_SEAL)


def _on_volume(services: Services, record: Record) -> Mapping[str, Any]:
    """The seal on the volume. What cannot be read is no proof."""
    try:
        return services.of(record).volumes.seal(record.volume)
    except ScipionError as error:
        services.progress.say(f"volume {record.volume} does not say whether it is sealed: {error.what}")
        return {}


def _is_of(seal: Mapping[str, Any], record: Record) -> bool:
    """Whether it is a whole seal of the record's volume and generation."""
    wanted = {"version": VERSION, "project": record.project, "volume": record.volume, "generation": record.generation}
    whole = {*_OF_A_SEAL} <= seal.keys() and isinstance(seal["manifest"], str) and bool(seal["manifest"])
    return whole and all(seal[name] == value for name, value in wanted.items())


def _without_seal(services: Services, record: Record) -> Record:
    record = update(services, record, seal={})
    services.of(record).volumes.tag(record.volume, record.volume_tags())
    return record
