"""Faults of the legacy sections ``machine`` and ``cluster`` beyond the forms of their keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

from talos.config import checks
from talos.config.v1alpha1.cluster import ClusterConfig, CNIConfig
from talos.config.v1alpha1.encryption import EncryptionConfig
from talos.config.v1alpha1.machine import MachineConfig
from talos.config.v1alpha1.network_checks import network_problems

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
"""beginning of a URL (RFC 3986, 3.1)"""


def machine_problems(machine: MachineConfig) -> Iterator[str]:
    """Faults of ``machine``."""
    if machine.type and machine.type not in ("init", "controlplane", "worker"):
        yield f"machine.type is {machine.type!r}, must be controlplane or worker"
    if machine.ca and machine.ca.crt:
        yield from checks.certificate("machine.ca.crt", machine.ca.crt.decode(errors="replace"))
    if machine.network:
        yield from network_problems(machine.network)
    yield from checks.labels("machine.nodeLabels", machine.node_labels)
    yield from checks.labels("machine.nodeAnnotations", machine.node_annotations, values=False)
    yield from checks.taints("machine.nodeTaints", machine.node_taints)
    if machine.install and not (machine.install.disk or machine.install.disk_selector):
        yield "machine.install needs disk or diskSelector"
    yield from checks.addresses("machine.kubelet.clusterDNS", machine.kubelet.cluster_dns if machine.kubelet else ())
    if machine.kubelet and machine.kubelet.node_ip:
        yield from checks.subnets("machine.kubelet.nodeIP.validSubnets", machine.kubelet.node_ip.valid_subnets)
    for number, disk in enumerate(machine.disks):
        if any(not part.size for part in disk.partitions[:-1]):
            yield f"machine.disks[{number}]: only the last partition may lack a size, it takes what is left"
    encryption = machine.system_disk_encryption
    for name, part in (("state", encryption and encryption.state), ("ephemeral", encryption and encryption.ephemeral)):
        if part:
            yield from _encryption(f"machine.systemDiskEncryption.{name}", part)
    for host, mirror in machine.registries.mirrors.items():
        for endpoint in mirror.endpoints:
            if not endpoint.startswith(("http://", "https://")):
                yield f"machine.registries.mirrors.{host}: endpoint {endpoint!r} must be an http or https URL"
    for number, destination in enumerate(machine.logging.destinations if machine.logging else ()):
        if not (destination.endpoint or "").startswith(("tcp://", "udp://")):
            yield f"machine.logging.destinations[{number}].endpoint must be a tcp or udp URL"
    for number, module in enumerate(machine.kernel.modules if machine.kernel else ()):
        if not module.name:
            yield f"machine.kernel.modules[{number}].name is required"
    for number, profile in enumerate(machine.seccomp_profiles or ()):
        if not profile.name or "/" in profile.name or profile.name in (".", ".."):
            yield f"machine.seccompProfiles[{number}].name is {profile.name!r}, must be the name of a file"
    access = machine.features and machine.features.kubernetes_talos_api_access
    if access and access.enabled and machine.type not in ("init", "controlplane"):
        yield "machine.features.kubernetesTalosAPIAccess is for control plane machines only"


def cluster_problems(cluster: ClusterConfig) -> Iterator[str]:
    """Faults of ``cluster``."""
    if cluster.network:
        yield from checks.dns_name("cluster.network.dnsDomain", cluster.network.dns_domain)
        yield from checks.subnets("cluster.network.podSubnets", cluster.network.pod_subnets)
        yield from checks.subnets("cluster.network.serviceSubnets", cluster.network.service_subnets)
        if cluster.network.cni:
            yield from _cni(cluster.network.cni)
    if cluster.etcd:
        yield from checks.subnets("cluster.etcd.advertisedSubnets", cluster.etcd.advertised_subnets)
        yield from checks.subnets("cluster.etcd.listenSubnets", cluster.etcd.listen_subnets)
    names = [manifest.name for manifest in cluster.inline_manifests or ()]
    for number, name in enumerate(names):
        if not name:
            yield f"cluster.inlineManifests[{number}].name is required"
        elif names.index(name) != number:
            yield f"cluster.inlineManifests[{number}]: the name {name!r} stands twice"
    for number, url in enumerate(cluster.extra_manifests or ()):
        if not _URL.match(url):
            yield f"cluster.extraManifests[{number}] is {url!r}, must be a URL"
    discovery = cluster.discovery
    if discovery and discovery.enabled and not discovery.registries.service.disabled:
        for key in ("id", "secret"):
            if not getattr(cluster, key):
                yield f"cluster.{key} is required by the discovery service"


def _cni(cni: CNIConfig) -> Iterator[str]:
    if cni.name not in ("", "flannel", "custom", "none"):
        yield f"cluster.network.cni.name is {cni.name!r}, must be flannel, custom or none"
    if cni.urls and cni.name != "custom":
        yield "cluster.network.cni.urls goes with the name custom only"
    if cni.flannel and cni.name not in ("", "flannel"):
        yield "cluster.network.cni.flannel goes with the name flannel only"
    for url in cni.urls:
        if not _URL.match(url):
            yield f"cluster.network.cni.urls: {url!r} must be a URL"


def _encryption(path: str, spec: EncryptionConfig) -> Iterator[str]:
    slots = [key.slot for key in spec.keys]
    if not spec.keys:
        yield f"{path}.keys needs at least one key"
    if len(slots) != len(set(slots)):
        yield f"{path}.keys: two keys have the same slot"
    for number, key in enumerate(spec.keys):
        if sum(kind is not None for kind in (key.static, key.node_id, key.kms, key.tpm)) != 1:
            yield f"{path}.keys[{number}] needs exactly one of static, nodeID, kms and tpm"
