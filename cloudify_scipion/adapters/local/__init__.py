"""Machines, volumes and software layers on this very host: systemd containers over overlays, and loop-mounted files."""

from cloudify_scipion.adapters.local.layers import LayerCache
from cloudify_scipion.adapters.local.machine import NspawnMachines
from cloudify_scipion.adapters.local.network import port_is_free
from cloudify_scipion.adapters.local.volumes import LoopVolumes

__all__ = ["LayerCache", "LoopVolumes", "NspawnMachines", "port_is_free"]
