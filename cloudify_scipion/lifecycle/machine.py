"""The machine: made from the base and, where one is cached, from the software layer that the project needs."""

from __future__ import annotations

from dataclasses import replace

from cloudify_scipion.errors import ScipionError
from cloudify_scipion.lifecycle.facts import MachineSpec, SeedFile, VolumeMount
from cloudify_scipion.lifecycle.layer import locked_files, software_layer
from cloudify_scipion.lifecycle.layout import TARGET, USER_FOLDER, WHOLE
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import update
from cloudify_scipion.lifecycle.proof import recheck_seal, reopen, unseal
from cloudify_scipion.lifecycle.record import MachineState, Record, VolumeState
from cloudify_scipion.lifecycle.space import folder_mounts

SERVES = {"ssh": 22, "desktop": 6080}
"""Services of a machine, and the TCP ports on which they answer inside."""
READY_SECONDS = 90.0
ANSWER_SECONDS = 10.0


def create_machine(services: Services, record: Record) -> Record:
    """Make the machine's disk unless it is there; a new machine is a new generation."""
    if not services.of(record).machines.look(record.machine).exists:
        digest = software_layer(services, record).digest
        layer = digest if services.of(record).layers.has(digest) else ""
        state = MachineState.RESCUE if record.rescuing else MachineState.NEW
        record = update(services, record, generation=record.generation + 1, layer=layer, machine_state=state)
        services.progress.say(
            f"starting from the cached software layer {layer[:12]}"
            if layer
            else "no cached software layer fits: installing"
        )
    record = replace(record, ports=dict(services.of(record).reserve(record, tuple(SERVES))))
    if services.of(record).machines.create(machine_spec(services, record)):
        services.progress.say(f"made machine {record.machine}")
    return record


def start_machine(services: Services, record: Record) -> Record:
    """Boot the machine with the volume in it and wait until SSH answers with the known host key."""
    record = unseal(services, update(services, record, volume_state=VolumeState.WRITTEN))
    if services.of(record).machines.start(machine_spec(services, record)):
        services.progress.say(f"machine {record.machine} is up")
    services.connect(record).wait_until_ready(READY_SECONDS)
    return reopen(services, record)


def ensure_rescuer(services: Services, record: Record) -> Record:
    """A machine for a rescue alone; the project's own is ended for good first, so that only one can write."""
    if not record.rescuing or hangs(services, record):
        record = update(services, delete_machine(services, record), machine_state=MachineState.RESCUE)
    return start_machine(services, create_machine(services, record))


def hangs(services: Services, record: Record) -> bool:
    """Whether the project's machine runs and nobody can get in."""
    if not services.of(record).machines.look(record.machine).running:
        return False
    try:
        services.connect(record).wait_until_ready(ANSWER_SECONDS)
    except ScipionError:
        return True
    return False


def end_rescue(services: Services, record: Record) -> Record:
    """Remove the machine of a rescue that was broken off: it can save data, and no more."""
    return delete_machine(services, record) if record.rescuing else record


def machine_problem(services: Services, record: Record) -> str:
    """What is wrong with the machine, empty if nothing is."""
    facts = services.of(record).machines.look(record.machine)
    if not facts.exists:
        return f"machine {record.machine} does not exist"
    if not facts.running:
        return f"machine {record.machine} is not running"
    return "" if facts.network else f"machine {record.machine} has no network"


def stop_machine(services: Services, record: Record) -> None:
    """Shut it down; nothing to do when it is off or gone. A seal must have held until now."""
    recheck_seal(services, record)
    if services.of(record).machines.stop(record.machine):
        services.progress.say(f"stopped machine {record.machine}")


def delete_machine(services: Services, record: Record) -> Record:
    """Remove it and unmount the volume; nothing to do when it is gone."""
    gone = services.of(record).machines.delete(record.machine)
    services.progress.say(f"deleted machine {record.machine}" if gone else f"machine {record.machine} is gone already")
    services.of(record).volumes.detach(record.volume)
    return update(services, record, machine_state=MachineState.NONE, layer="", ports={})


def machine_spec(services: Services, record: Record) -> MachineSpec:
    """What the machine is to be, all from the record."""
    keys = services.projects.keys(record.project)
    return MachineSpec(
        name=record.machine,
        hostname=record.project,
        tags=record.tags(),
        ports={inside: record.ports.get(name, 0) for name, inside in SERVES.items()},
        layer=record.layer or None,
        mounts=(VolumeMount(record.volume, "", WHOLE), VolumeMount(record.volume, USER_FOLDER, TARGET)),
        files=locked_files(services, record) if not record.layer else {},
        folders=folder_mounts(record),
        seed=(
            SeedFile("/etc/ssh/ssh_host_ed25519_key", keys.host_private, 0o600),
            SeedFile("/etc/ssh/ssh_host_ed25519_key.pub", f"{keys.host_public}\n".encode()),
            SeedFile("/root/.ssh/authorized_keys", f"{keys.login_public}\n".encode(), 0o600),
            SeedFile("/etc/ssh/sshd_config.d/cloudify-scipion.conf", SSHD),
        ),
    )


SSHD = b"""HostKey /etc/ssh/ssh_host_ed25519_key
AddressFamily inet
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
X11Forwarding no
"""
