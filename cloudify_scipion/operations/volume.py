"""Operations of cloudify.nodes.scipion.Volume, the first node of an install and the last of an uninstall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudify_scipion.lifecycle import volume as use
from cloudify_scipion.lifecycle.acceptance import accept_request
from cloudify_scipion.lifecycle.parts import VOLUME
from cloudify_scipion.operations.beside import read_lock
from cloudify_scipion.operations.boundary import Call, call, call_known, check_inputs, checks, heal_in_place


def precreate(document: Mapping[str, Any], lock: str = "", **_: Any) -> None:
    """Check everything that was asked for, before anything is made."""
    text = read_lock(lock)
    checked = check_inputs(document, text)
    call(lambda c: accept_request(c.services, c.record, checked, _settings(c)["size_bytes"], text))


def create(**_: Any) -> None:
    """Make or adopt the volume; say at once when nothing will be kept."""
    call(_create)


def _create(c: Call) -> None:
    asking = c.asking("volume", _settings(c)).remember()
    record = VOLUME.make(c.services, asking.record, False)
    if use.may_discard(record):
        c.services.progress.say("NOTHING WILL BE KEPT: uninstall deletes the volume and all data in it (volume.at_end)")
    c.publish(volume=record.volume, at_end=record.at_end)


def delete(**_: Any) -> None:
    """Hold the volume, or delete it if it may go; only an uninstall ends a project, a heal or reinstall does not."""
    call_known(_delete)


def _delete(c: Call) -> None:
    if VOLUME.end(c.services, c.record, c.ends, _discards(c)) is None:
        c.forget()


check_status = checks(VOLUME)


def heal(**_: Any) -> None:
    """Mount it again; never replaced by Cloudify's reinstall."""
    heal_in_place(lambda c: VOLUME.heal(c.services, c.remember().record))


def _discards(c: Call) -> bool:
    return bool(c.properties["at_end"] == "discard")


def _settings(c: Call) -> dict[str, Any]:
    return {"size_bytes": int(float(c.properties["size_gb"]) * 1e9), "at_end": c.properties["at_end"]}
