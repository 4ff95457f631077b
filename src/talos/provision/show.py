"""What a node is doing, from its monitor's report and the processes that are really there."""

from __future__ import annotations

from talos.provision import cgroup, monitors
from talos.provision.model import ClusterDirectory, NodeModel


def node_state(directory: ClusterDirectory, node: NodeModel, machine: bool = False) -> str:
    """One phrase, with what to do where something is wrong."""
    status = monitors.status(directory, node)
    if status is None:
        return "not started"
    if status.alive:
        if machine:
            return status.state  # its reboots are the firmware's
        return f"{status.state} (boot {status.boots})" if status.state == "running" else status.state
    if status.state in ("stopped", "crashed", "failed"):
        return f"{status.state} (status {status.status})" if status.status else status.state
    if not machine and cgroup.processes(f"{directory.cgroup}/{node.name}"):
        return "running, but its monitor is gone: it will not come back from a reboot"
    return "monitor and node are gone: destroy the cluster"
