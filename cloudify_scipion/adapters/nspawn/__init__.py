"""Machines, volumes and software layers on this very host: systemd containers over overlays, and loop-mounted files."""

from cloudify_scipion.adapters.nspawn.layers import LayerCache
from cloudify_scipion.adapters.nspawn.machine import NspawnMachines
from cloudify_scipion.adapters.nspawn.network import port_is_free
from cloudify_scipion.adapters.nspawn.volumes import LoopVolumes

__all__ = ["LayerCache", "LoopVolumes", "NspawnMachines", "port_is_free"]
