"""Removal of a cluster: everything, in any state it is left in, any number of times.

The order matters: monitors first (they would start nodes again), then the nodes' processes by control group (SIGKILL to
a PID namespace's init ends all in it), then control groups, links, rules, files. Mounts and loop devices go with the
last process, since they exist in the monitors' mount namespaces only.
"""

from __future__ import annotations

import shutil
import time

from talos.provision import cgroup, companion, host, key_server, log_receiver, monitors, network, starts
from talos.provision.model import ClusterDirectory, ProvisionError


def destroy(directory: ClusterDirectory) -> str:
    """Remove a cluster; ProvisionError when it does not exist or something resists.

    Returned is what could not be put back on the host because cluster.json does not tell, "" if nothing.
    """
    if not directory.exists() and not cgroup.groups(directory.cgroup):
        raise ProvisionError(f"cluster {directory.name!r} not found in {directory.path.parent}: nothing to destroy")
    if foreign := directory.foreign():
        raise ProvisionError(
            f"{directory.path} is not a cluster's folder, or not only: it holds {', '.join(foreign[:5])}; "
            f"nothing was removed: move that away first, or check --name and --state"
        )
    model, unknown = None, ""
    try:
        model = directory.load()
    except ProvisionError as error:
        if directory.model_file.exists():
            unknown = (
                f"{error.__cause__ or error}: settings of the host ({', '.join(host.SETTINGS)}) are left as they are"
            )
            unknown = f"{directory.model_file} is damaged: {unknown}; look at them if this was the only cluster"
    monitors.kill(directory)
    companion.end_recorded(directory.image_cache)
    key_server.kill(directory)
    log_receiver.kill(directory)
    starts.kill(directory)
    cgroup.kill(directory.cgroup)
    cgroup.remove(directory.cgroup)
    network.destroy(directory)
    if model is not None:
        host.restore(directory, model)
    _remove_files(directory)
    return unknown


def _remove_files(directory: ClusterDirectory, timeout_s: float = 5.0) -> None:
    """The kernel may still be dropping the mounts of processes that just ended: try again for a moment."""
    deadline = time.monotonic() + timeout_s
    while directory.path.exists():
        try:
            shutil.rmtree(directory.path)
        except OSError as error:
            if time.monotonic() > deadline:
                raise ProvisionError(
                    f"cannot remove {directory.path}: {error}; close what uses it and run destroy again"
                ) from error
            time.sleep(0.1)
