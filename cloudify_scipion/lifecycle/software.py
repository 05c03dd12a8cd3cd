"""The software run, and the cached layer that it leaves behind."""

from __future__ import annotations

from cloudify_scipion.lifecycle.layer import SoftwareLayer, software_layer
from cloudify_scipion.lifecycle.layout import SCIPION
from cloudify_scipion.lifecycle.machine import machine_spec, start_machine
from cloudify_scipion.lifecycle.pins import keep_pins, write_pins
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import update
from cloudify_scipion.lifecycle.puppet import apply_classes
from cloudify_scipion.lifecycle.record import MachineState, Record
from cloudify_scipion.lifecycle.space import installed_classes, software_data

AGENT_CLASSES = ("system", "working_copy")
"""Of a machine that only saves."""


def ensure_software(services: Services, record: Record, unless_known: bool = False) -> Record:
    """Apply the software run; keep the result of a first run as a layer, before anything of the project is in it.

    `unless_known`: the run is not made on a machine that is known to have it, from its layer or from before.
    """
    layer = software_layer(services, record)
    apply_classes(services, record, layer.run, layer.classes, layer.data, unless_known=unless_known)
    if record.layer or record.machine_state != MachineState.NEW:
        keep_pins(services, record, services.of(record).layers.pins(record.layer) if record.layer else "")
        return record
    return _keep_layer(services, record, layer)


def _keep_layer(services: Services, record: Record, layer: SoftwareLayer) -> Record:
    pins = write_pins(services, record, layer)
    services.progress.say(f"keeping the software as layer {layer.digest[:12]}: the next project starts from it")
    provider = services.of(record)
    provider.machines.capture_layer(machine_spec(services, record), layer.digest, layer.contents, pins)
    kept = provider.machines.look(record.machine).layer or ""
    keep_pins(services, record, provider.layers.pins(kept) if kept else "")  # of whoever made the layer first
    return start_machine(services, update(services, record, layer=kept))


def ensure_agent(services: Services, record: Record) -> Record:
    """The software that a machine needs to save its data, and no more; one that stands on a layer has it."""
    if record.layer:
        return record
    client = software_data(record)
    return apply_classes(services, record, "software", (*AGENT_CLASSES, *installed_classes(client)), client)


def software_problem(services: Services, record: Record) -> str:
    """What is wrong with the software, empty if nothing is."""
    result = services.connect(record).run([SCIPION, "version"], expect=range(256))
    said = (result.stderr.strip() or result.stdout.strip())[-300:]
    return "" if result.code == 0 else f"Scipion does not start on {record.machine}: {said}"
