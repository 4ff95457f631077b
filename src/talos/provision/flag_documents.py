"""Documents that flags of `cluster create` stand for, as patches beneath those a person gives."""

from __future__ import annotations

from typing import Any

from talos.config.yaml_writer import dump_all
from talos.provision import key_server, wireguard
from talos.provision.configs import ConfigOptions
from talos.provision.image_cache import documents as image_cache_documents
from talos.provision.model import CONTROL_PLANE, ClusterModel, ProvisionError, user_disk_serial

_DEFAULT = ConfigOptions()
_MTU = 1500
FIREWALL = ("accept", "block")
LINK = "eth0"
"""of a container node, and of a machine whose command line says net.ifnames=0"""
KEYS: dict[str, dict[str, Any]] = {"uuid": {"nodeID": {}}, "tpm": {"tpm": {}}}
"""key type, as the flag names it → what a key slot's configuration says"""
KMS = "kms"
_RULES: tuple[tuple[str, str, tuple[str, ...], bool], ...] = (
    ("apid", "tcp", ("50000",), False),
    ("kubelet", "tcp", ("10250",), False),
    ("cni-vxlan", "udp", ("4789",), False),
    ("trustd", "tcp", ("50001",), True),
    ("etcd", "tcp", ("2379-2380",), True),
)
"""name, protocol, ports, whether only control plane nodes have it; the API server's port is chosen"""


def documents(model: ClusterModel, options: ConfigOptions, role: str) -> str:
    """For nodes of a role, "" if no flag asks for any. ProvisionError names the flag."""
    found: list[dict[str, Any]] = []
    if options.kube_prism_port != _DEFAULT.kube_prism_port:
        found.append({"kind": "KubePrismConfig", "port": options.kube_prism_port})
    for registry in options.insecure_registries:
        found.append({"kind": "RegistryTLSConfig", "name": registry, "insecureSkipVerify": True})
    if options.image_cache is not None:
        own = (*(text.partition("=")[0] for text in options.registry_mirrors), *options.insecure_registries)
        found += image_cache_documents(options.image_cache, model.gateway, own)
    if role == CONTROL_PLANE:
        if options.control_plane_port != _DEFAULT.control_plane_port:
            found.append({"kind": "KubeAPIServerConfig", "apiPort": options.control_plane_port})
        if options.virtual_ip:
            found.append({"kind": "Layer2VIPConfig", "name": options.virtual_ip, "link": LINK})
        if options.cni_urls:
            found.append({"kind": "KubeFlannelCNIConfig", "$patch": "delete"})
        for number, url in enumerate(options.cni_urls, 1):
            found.append({"kind": "KubeExternalManifestConfig", "name": f"cni-{number}", "url": url})
    if model.config_method and model.mtu != _MTU:
        found.append({"kind": "LinkConfig", "name": LINK, "mtu": model.mtu})  # a seed would have said so
    found += _encryption(model, options)
    found += _user_volumes(model, options)
    if options.firewall:
        found += _firewall(model, options, role == CONTROL_PLANE)
    return dump_all({"apiVersion": "v1alpha1", **document} for document in found)


def _user_volumes(model: ClusterModel, options: ConfigOptions) -> list[dict[str, Any]]:
    """Each as large as asked for, on the disk that was made for it."""
    encryption = {"encryption": {"provider": "luks2", "keys": _keys(model, options)}}
    return [
        {
            "kind": "UserVolumeConfig",
            "name": name,
            "provisioning": {
                "diskSelector": {"match": f'disk.serial == "{user_disk_serial(number)}"'},
                "minSize": size,
                "maxSize": size,
            },
            **(encryption if options.encrypt_user_volumes else {}),
        }
        for number, disk in enumerate(options.user_volumes)
        for name, size in disk
    ]


def _keys(model: ClusterModel, options: ConfigOptions) -> list[dict[str, Any]]:
    known = {**KEYS, KMS: {"kms": {"endpoint": key_server.endpoint(model.gateway)}}}
    if unknown := [name for name in options.encryption_keys if name not in known]:
        raise ProvisionError(f"--disk-encryption-key-types {unknown[0]}: choose from {', '.join(known)}")
    return [{"slot": slot, **known[name]} for slot, name in enumerate(options.encryption_keys)]


def _encryption(model: ClusterModel, options: ConfigOptions) -> list[dict[str, Any]]:
    keys = _keys(model, options)
    return [
        {"kind": "VolumeConfig", "name": volume, "encryption": {"provider": "luks2", "keys": keys}}
        for volume in options.encrypted
    ]


def _firewall(model: ClusterModel, options: ConfigOptions, control_plane: bool) -> list[dict[str, Any]]:
    """What a cluster needs from its own network, where this host is too, and nothing from elsewhere."""
    if options.firewall not in FIREWALL:
        raise ProvisionError(f"--with-firewall {options.firewall}: choose {' or '.join(FIREWALL)}")
    subnets = [{"subnet": subnet} for subnet in model.subnets]
    rules = [*_RULES, ("kubernetes-api", "tcp", (str(options.control_plane_port),), True)]
    if options.wireguard:
        subnets.append({"subnet": str(wireguard.check(model, options.wireguard))})
        rules.append(("wireguard", "udp", (str(wireguard.PORT),), False))
    return [
        {"kind": "NetworkDefaultActionConfig", "ingress": options.firewall},
        *(
            {
                "kind": "NetworkRuleConfig",
                "name": name,
                "portSelector": {"ports": list(ports), "protocol": protocol},
                "ingress": subnets,
            }
            for name, protocol, ports, only_control_plane in rules
            if control_plane or not only_control_plane
        ),
    ]
