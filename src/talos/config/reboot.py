"""Which changes need a reboot: what the node reads once, when it boots or when it starts a program.

Everything else is read by controllers, which act on a new configuration at once. A test compares this table with what
machined's programs read, and the reference page is made from it, and from the table of programs that are started anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from talos.config.config import Config


class AtBoot(NamedTuple):
    """A setting that takes effect at the next boot."""

    keys: str
    """where it stands, legacy place and document"""
    why: str
    read: Callable[[Config], Any]
    """what of a configuration decides; None: the machine has no use for it"""


AT_BOOT: tuple[AtBoot, ...] = (
    AtBoot(
        "machine.type",
        "services are chosen when the node boots",
        lambda config: config.machine.type,
    ),
    AtBoot(
        "machine.files",
        "files are written before anything starts that may read them",
        lambda config: [(f.path, f.content, f.permissions, f.op) for f in config.machine.files],
    ),
    AtBoot(
        "machine.env, EnvironmentConfig",
        "programs receive their environment when they start",
        lambda config: config.machine.env,
    ),
    AtBoot(
        "cluster.etcd (advertisedSubnets, listenSubnets, subnet, extraArgs, image)",
        "etcd receives its arguments when it starts, and is not restarted on several nodes at once",
        lambda config: (
            (
                (etcd := config.cluster.etcd).advertised_subnets,
                etcd.listen_subnets,
                etcd.extra_args,
                etcd.image,
            )
            if config.machine.is_control_plane
            else None
        ),
    ),
    AtBoot(
        "KubeletConfig, as a whole (legacy: cluster.controlPlane)",
        "services are chosen when the node boots: without it there is no kubelet",
        lambda config: config.machine.runs_kubelet,
    ),
    AtBoot(
        "cluster.etcd.ca, whether there is one",
        "services are chosen when the node boots: without it there is no etcd",
        lambda config: config.machine.runs_etcd if config.machine.is_control_plane else None,
    ),
)


class Later(NamedTuple):
    """A setting that is read on an occasion of its own, which neither applying nor a reboot brings about."""

    keys: str
    when: str
    read: Callable[[Config], Any]
    """what of a configuration decides; None: the machine has no use for it"""


LATER: tuple[Later, ...] = (
    Later(
        "KubeNodeConfig taints of a worker (legacy: machine.nodeTaints)",
        "when the worker joins its cluster: Kubernetes lets no kubelet change the taints of its node afterwards",
        lambda config: None if config.machine.is_control_plane else config.kubelet.node.taints,
    ),
    Later(
        "UnattendedInstallConfig (legacy: machine.install)",
        "when the machine is installed to a disk",
        lambda config: config.machine.install,
    ),
    Later(
        "VolumeConfig encryption (legacy: machine.systemDiskEncryption)",
        "when the machine starts next: key slots follow then, and volumes are opened; how a volume is encrypted, and "
        "whether, is decided when it is made",
        lambda config: config.machine.encryption,
    ),
    Later(
        "VolumeConfig provisioning, filesystem, mount",
        "place and file system when the volume is made, anew after `talosctl reset --system-labels-to-wipe EPHEMERAL`; "
        "`grow`, `maxSize` of a volume that grows and `mount` when the machine starts next",
        lambda config: config.machine.system_volumes,
    ),
)


class Restart(NamedTuple):
    """Settings that a running program takes over by being started anew, at once."""

    keys: str
    program: str
    noticed: str
    """what is interrupted"""


RESTARTS: tuple[Restart, ...] = (
    Restart(
        "KubeletConfig, authorities of Kubernetes (legacy: machine.kubelet)",
        "kubelet",
        "`kubectl logs`, `exec` and `port-forward` to pods of the node end",
    ),
    Restart(
        "KubeAPIServerConfig, KubeControllerManagerConfig, KubeSchedulerConfig and the documents they take in "
        "(legacy: cluster.apiServer, cluster.controllerManager, cluster.scheduler)",
        "the static pod of the component",
        "it answers again when its new process is ready",
    ),
    Restart(
        "RegistryAuthConfig, CRICustomizationConfig (legacy: machine.registries.config, auth)",
        "containerd",
        "pulls, `kubectl exec` and `logs --follow` end; mirrors and TLS of registries (RegistryMirrorConfig, "
        "RegistryTLSConfig, legacy: machine.registries.mirrors) need no start: they are read at every pull",
    ),
)


def later(before: Config, after: Config) -> list[str]:
    """A sentence for each change that takes effect on an occasion of its own."""
    found = []
    for setting in LATER:
        old, new = setting.read(before), setting.read(after)
        if old is not None and new is not None and old != new:
            found.append(f"{setting.keys}: takes effect {setting.when}")
    return found


def reboot_reasons(before: Config, after: Config) -> list[str]:
    """Keys of `after` that differ from `before` and take effect at the next boot; empty: none has to happen."""
    found = []
    for setting in AT_BOOT:
        old, new = setting.read(before), setting.read(after)
        if old is not None and new is not None and old != new:
            found.append(setting.keys)
    return found
