"""How a debug container runs (OCI runtime specification).

In the node's own network, process and IPC namespaces, because it is there to look at the node; with every capability
that machined has and the node's root at /host if it is privileged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from talos.linux import capabilities

HOST = "/host"
_ORDINARY = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",
    "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
)  # fmt: skip
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def spec(id: str, args: Sequence[str], env: Sequence[str], *, cwd: str, tty: bool, privileged: bool) -> dict[str, Any]:
    """config.json of the container."""
    held = _all_capabilities() if privileged else list(_ORDINARY)
    variables = list(env)
    if not any(variable.startswith("PATH=") for variable in variables):
        variables.insert(0, _PATH)
    if tty and not any(variable.startswith("TERM=") for variable in variables):
        variables.append("TERM=xterm")
    mounts = [
        _mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
        _mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
        _mount("/sys", "none", "/sys", "rbind", "nosuid", "noexec", "nodev", *(() if privileged else ("ro",))),
        _mount("/etc/resolv.conf", "none", "/etc/resolv.conf", "bind", "ro"),
    ]
    if privileged:
        mounts.append(_mount(HOST, "none", "/", "rbind", "rslave"))
    return {
        "ociVersion": "1.2.0",
        "process": {
            "terminal": tty,
            "user": {"uid": 0, "gid": 0},
            "args": list(args),
            "env": variables,
            "cwd": cwd,
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), held),
            "noNewPrivileges": not privileged,
        },
        "root": {"path": "rootfs"},
        "hostname": "",
        "mounts": mounts,
        "linux": {
            "cgroupsPath": f"/system/{id}",
            "namespaces": [{"type": "mount"}],
            "resources": {"devices": [{"allow": privileged, "access": "rwm"}]},
        },
    }


def _all_capabilities() -> list[str]:
    held = sorted(capabilities.of_process()["CapBnd"])
    return [f"CAP_{capabilities.NAMES[number]}" for number in held if number < len(capabilities.NAMES)]


def _mount(target: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}
