"""The OCI runtime specification that every pod's container starts from: containerd's default with the machine
configuration's overrides merged in."""

from __future__ import annotations

import json
from typing import Any

from talos.resources.cri import BaseRuntimeSpecConfigSpec
from talos.resources.files import EtcFileSpecSpec
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.runtime import Runtime

FILE = "cri/conf.d/base-spec.json"
LABEL = "system_u:object_r:etc_t:s0"
_CAPABILITIES = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
]


def _mount(destination: str, kind: str, source: str, options: str) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source, "options": options.split(",")}


def default_spec() -> dict[str, Any]:
    """What the CRI plugin uses without a base specification (OCI runtime specification 1.2)."""
    return {
        "ociVersion": "1.2.1",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "cwd": "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), _CAPABILITIES),
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs"},
        "mounts": [
            _mount("/proc", "proc", "proc", "nosuid,noexec,nodev"),
            _mount("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
            _mount("/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
            _mount("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"),
            _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
            _mount("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
            _mount("/run", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
        ],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "cgroupsPath": "/k8s.io",
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")],
            "maskedPaths": [
                "/proc/acpi",
                "/proc/asound",
                "/proc/kcore",
                "/proc/keys",
                "/proc/latency_stats",
                "/proc/timer_list",
                "/proc/timer_stats",
                "/proc/sched_debug",
                "/sys/firmware",
                "/sys/devices/virtual/powercap",
                "/proc/scsi",
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }


def merged(base: Any, overrides: Any) -> Any:
    """Objects are merged key by key, anything else is replaced (RFC 7396 without deletion)."""
    if isinstance(base, dict) and isinstance(overrides, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in overrides.items()}}
    return overrides


class CRIBaseRuntimeSpecController(Controller):
    """BaseRuntimeSpecConfigs → the file."""

    name = "files.CRIBaseRuntimeSpecController"
    inputs = (Input(BaseRuntimeSpecConfigSpec, id="overrides"),)
    outputs = (Output(EtcFileSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        overrides = await rt.get_or_none(BaseRuntimeSpecConfigSpec, "overrides")
        spec = merged(default_spec(), overrides.spec.config if overrides is not None else {})
        file = EtcFileSpecSpec(contents=json.dumps(spec, separators=(",", ":")), mode=0o600, selinux_label=LABEL)
        await rt.modify(EtcFileSpecSpec, FILE, lambda _old: file)
