"""What a container node cannot carry out: its kernel and its clock are the host's, and the host's to set.

Applying says so for what a configuration asks; the reference pages name the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from talos.config.config import Config

# Roots that the kernel keeps per network, IPC and UTS namespace (network_namespaces(7), ipc_namespaces(7),
# uts_namespaces(7)). Some net.core settings exist only in the initial namespace: there the file is missing.
NAMESPACED = (
    "net.",
    "fs.mqueue.",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
    "kernel.hostname",
    "kernel.domainname",
)
"""beginnings of the sysctls that a container node has for itself"""


class HostOwned(NamedTuple):
    """A setting of the host."""

    keys: str
    """where it stands, document and legacy place"""
    kind: str
    """the document's kind"""
    why: str
    asked: Callable[[Config], list[str]]
    """what of it a configuration asks for"""


HOST_OWNED: tuple[HostOwned, ...] = (
    HostOwned(
        "KernelModuleConfig (legacy: machine.kernel.modules)",
        "KernelModuleConfig",
        "modules are loaded into the host's kernel, by the host",
        lambda config: [module.name for module in config.machine.kernel_modules],
    ),
    HostOwned(
        "SysctlConfig (legacy: machine.sysctls), but for net.*, fs.mqueue.*, System V IPC and the host name",
        "SysctlConfig",
        "the others hold for the whole host",
        lambda config: [name for name in config.machine.sysctls if not name.startswith(NAMESPACED)],
    ),
    HostOwned(
        "VolumeConfig encryption (legacy: machine.systemDiskEncryption)",
        "VolumeConfig",
        "a container node has no disk of its own, what it keeps lies on the host's in clear",
        lambda config: list(config.machine.encryption),
    ),
    HostOwned(
        "VolumeConfig provisioning, filesystem, mount",
        "VolumeConfig",
        "a container node has no disk of its own: place, size and mount options of /var are the host's",
        lambda config: list(config.machine.system_volumes),
    ),
    HostOwned(
        "UserVolumeConfig (but for volumeType directory), RawVolumeConfig, ExistingVolumeConfig, SwapVolumeConfig, "
        "machine.disks",
        "UserVolumeConfig",
        "a container node has no disk of its own",
        lambda config: [one.id for one in config.machine.volumes if one.kind != "directory"],
    ),
    HostOwned(
        "SysfsConfig (legacy: machine.sysfs)",
        "SysfsConfig",
        "/sys is the host's",
        lambda config: list(config.machine.sysfs),
    ),
    HostOwned(
        "WatchdogTimerConfig",
        "WatchdogTimerConfig",
        "watchdogs restart the host, and are the host's",
        lambda config: [config.machine.watchdog[0]] if config.machine.watchdog is not None else [],
    ),
    HostOwned(
        "TimeSyncConfig (legacy: machine.time)",
        "TimeSyncConfig",
        "the clock is the host's, which keeps it",
        lambda config: [*config.network.time.servers, *config.network.time.ptp_devices],
    ),
)


def without_effect(config: Config) -> Iterator[str]:
    """A sentence for each setting in use that has no effect on a container node."""
    for setting in HOST_OWNED:
        if asked := setting.asked(config):
            yield f"{setting.keys}: no effect in a container, {setting.why}: {', '.join(asked)}"
