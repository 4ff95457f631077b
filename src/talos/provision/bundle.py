"""The OCI bundle of a node: config.json for runc, as a pure function.

Why it looks as it does (each point was tried):
- The root is the built image, read-only. What a node writes lies in tmpfs or in the two declared folders.
- `rootfsPropagation: shared` because the kubelet and the CSI need mounts to propagate into pods. The monitor runs in a
  slave mount namespace, so nothing propagates to the host.
- A cgroup namespace over a group of the node's own; runc mounts every v1 controller, or the one v2 tree, inside.
- The network namespace is prepared by the monitor and handed over by the path of its descriptor: no bind mount on the
  host that a crash could leave.
- Devices of the host's disks are denied: a privileged pod must not reach them. Loop devices stay allowed.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from talos.linux.capabilities import NAMES
from talos.provision.model import ClusterModel, Mount, NodeDirectory, NodeModel
from talos.slots.booted import BOOTED_ENTRY, TRIAL_LIMIT

INIT = "/sbin/init"
PIDS_LIMIT = 16384
_CPU_PERIOD_US = 100_000
TRIAL_SHARE = 0.5
"""of the monitor's patience: a node that still runs shall say itself what is wrong, and go back in order"""

# Never given to a node, whatever the host has: they reach past every namespace.
WITHHELD = frozenset({"SYS_TIME", "SYS_MODULE", "SYS_BOOT", "SYS_RAWIO", "WAKE_ALARM", "BLOCK_SUSPEND", "MAC_ADMIN"})


def capabilities(bounding: int) -> list[str]:
    """Names for the bits of a bounding set, without those that reach past a container."""
    return [
        f"CAP_{name}"
        for number, name in enumerate(NAMES)
        if bounding >> number & 1 and name not in WITHHELD
    ]


def _mount(destination: str, kind: str, options: list[str], source: str | None = None) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source or kind, "options": options}


def _bind(destination: str, source: Path) -> dict[str, Any]:
    # Programs of container images lie below /var and may be set-uid.
    suid = "suid" if destination == "/var" else "nosuid"
    return _mount(destination, "bind", ["rbind", "rw", "rshared", suid], str(source))


def mounts(directory: NodeDirectory, *, cgroup_v2: bool, shared: Sequence[Mount] = ()) -> list[dict[str, Any]]:
    """Mounts of a node in order; `shared` with the host come last, since they lie inside the others."""
    cgroup = ["nosuid", "noexec", "nodev", "relatime", "rw"]
    return [
        _mount("/proc", "proc", ["nosuid", "noexec", "nodev"]),
        _mount("/sys", "sysfs", ["nosuid", "noexec", "nodev", "ro", "shared"]),
        _mount("/sys/fs/cgroup", "cgroup2" if cgroup_v2 else "cgroup", cgroup),
        _mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k", "shared"]),
        _mount("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
        _mount("/dev/shm", "tmpfs", ["nosuid", "noexec", "nodev", "mode=1777"]),
        _mount("/dev/mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
        _mount("/run", "tmpfs", ["nosuid", "nodev", "mode=755", "shared"]),
        _mount("/system", "tmpfs", ["nosuid", "nodev", "mode=755", "shared"]),
        _mount("/tmp", "tmpfs", ["nosuid", "nodev", "mode=1777", "shared"]),
        _bind("/system/state", directory.state),
        _bind("/var", directory.ephemeral),
        _mount("/boot", "bind", ["rbind", "rw", "rprivate", "nosuid", "nodev", "noexec"], str(directory.boot)),
        *(
            _mount(m.destination, "bind", ["rbind", "ro" if m.read_only else "rw", "rprivate", "nosuid"], m.source)
            for m in shared
        ),
    ]


def device_rules(disk_majors: list[int]) -> list[dict[str, Any]]:
    """Device control group: everything but the host's disks, and its kernel log only for reading.

    Only reading and writing is denied, not mknod: on cgroup v1 a child may not be granted more than its parent has, and
    runc grants every container mknod of any device (`b *:* m`).
    """
    rules: list[dict[str, Any]] = [{"allow": True, "access": "rwm"}]
    rules += [{"allow": False, "type": "b", "major": major, "access": "rw"} for major in disk_majors]
    rules.append({"allow": False, "type": "c", "major": 1, "minor": 11, "access": "w"})
    return rules


def environment(
    node: NodeModel, user_data: bytes | None, booted: str, boot_limit_s: float, nameserver: str
) -> list[str]:
    """What PID 1 is told: the container platform's contract. nameserver: of a node that has no configuration yet, which
    would ask the Internet's otherwise."""
    memory_gib = f"{node.memory / 2**30:.1f}" if node.memory else "0"
    env = [
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "PLATFORM=container",
        f"NAMESERVERS={nameserver}",
        f"TALOSSKU={node.cpus or 0:.1f}CPU-{memory_gib}RAM",
        f"{BOOTED_ENTRY}={booted}",
        f"{TRIAL_LIMIT}={boot_limit_s * TRIAL_SHARE:g}",
    ]
    if user_data is not None:
        env.append("USERDATA=" + base64.b64encode(user_data).decode())
    return env


def config(
    model: ClusterModel,
    node: NodeModel,
    directory: NodeDirectory,
    *,
    cgroup: str,
    network_namespace: str,
    bounding: int,
    disk_majors: list[int],
    cgroup_v2: bool,
    booted: str = "",
    init: str = INIT,
) -> dict[str, Any]:
    """config.json of the OCI runtime specification 1.2."""
    caps = capabilities(bounding)
    resources: dict[str, Any] = {"devices": device_rules(disk_majors), "pids": {"limit": PIDS_LIMIT}}
    if node.memory:
        resources["memory"] = {"limit": node.memory}
    if node.cpus:
        resources["cpu"] = {"quota": int(node.cpus * _CPU_PERIOD_US), "period": _CPU_PERIOD_US}
    user_data = directory.user_data.read_bytes() if directory.user_data.exists() else None
    return {
        "ociVersion": "1.2.0",
        "hostname": node.name,
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": [init],
            "env": environment(node, user_data, booted, model.boot_limit_s, model.gateway),
            "cwd": "/",
            "capabilities": {"bounding": caps, "effective": caps, "permitted": caps},
            "noNewPrivileges": False,
        },
        "root": {"path": str(directory.rootfs), "readonly": True},
        "mounts": mounts(directory, cgroup_v2=cgroup_v2, shared=model.mounts),
        "linux": {
            "namespaces": [
                {"type": "pid"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "mount"},
                {"type": "cgroup"},
                {"type": "network", "path": network_namespace},
            ],
            "devices": [
                {"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 0o600, "uid": 0, "gid": 0}
            ],
            "cgroupsPath": cgroup,
            "resources": resources,
            "rootfsPropagation": "shared",
            "maskedPaths": [],
            "readonlyPaths": ["/proc/sysrq-trigger", "/proc/irq", "/proc/bus"],
        },
    }


def prefixed(address: str, subnet: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    """A node's address with its subnet's prefix length."""
    return ipaddress.ip_interface(f"{address}/{ipaddress.ip_network(subnet).prefixlen}")
