"""Changes that would cut a node off or break its cluster: refused with the reason, unless the guard is forced by name.

Here is what two configurations say by themselves; what only the node knows (does anything answer at the new endpoint,
is there still a majority in etcd) is in talos.machined.guards. A guard looks at the change, never at the configuration
alone: what was there already is not refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from talos.config.config import Config
from talos.config.network.network_default_action_config import NetworkDefaultActionConfig
from talos.config.network.network_rule_config import NetworkRuleConfig
from talos.config.view.model import Authority, MachineType

API_PORT = 50000


class Violation(NamedTuple):
    """A guard that stands in the way of a change."""

    guard: str
    reason: str


GUARDS: dict[str, str] = {
    "machine-type": "a control plane machine becomes a worker, or the other way round",
    "own-control-plane": "a worker becomes the control plane of a cluster of its own",
    "endpoint": "the endpoint of the cluster is removed, is an address that the node gives up, or does not answer",
    "machine-ca": "no authority of the API's clients stays trusted: everybody is locked out",
    "cluster-ca": "no authority of Kubernetes stays trusted: the node leaves its cluster",
    "etcd-ca": "the authority of etcd is replaced: the member cannot speak to the others",
    "etcd-quorum": "etcd would have no majority without this member",
    "encryption-key": "a key that objects in etcd are encrypted with is removed: they cannot be read any more",
    "subnets": "a subnet of pods or services is removed or replaced, which running pods and services use",
    "cluster-id": "the node leaves the members of its cluster",
    "firewall": "packets to the API of the node are blocked",
}
"""Name -> what it stands against, for help and reference."""


def violations(before: Config, after: Config) -> list[Violation]:
    """Guards that the change meets, from the two configurations alone."""
    return [Violation(name, reason) for name, check in _CHECKS for reason in check(before, after)]


def _machine_type(before: Config, after: Config) -> Iterator[str]:
    if before.machine.type != after.machine.type:
        yield (
            f"machine.type: this node is a {before.machine.type}, the configuration is for a {after.machine.type}; "
            "check --nodes, or reset the node first with `talosctl reset`"
        )


def _own_control_plane(before: Config, after: Config) -> Iterator[str]:
    if before.machine.type is MachineType.WORKER and after.machine.type is MachineType.CONTROL_PLANE:
        old, new = before.cluster.endpoint, after.cluster.endpoint
        if old != new or not _common(before.kubernetes.ca, after.kubernetes.ca):
            yield f"this worker of {old} would found a cluster of its own at {new}"


def _endpoint(before: Config, after: Config) -> Iterator[str]:
    if before.cluster.endpoint and not after.cluster.endpoint:
        yield f"the configuration names no endpoint of the cluster any more (now {before.cluster.endpoint})"
    elif (host := after.cluster.endpoint_host) in _addresses(before) and host not in _addresses(after):
        yield f"the endpoint {after.cluster.endpoint} is an address of this node, and the configuration gives it up"


def _machine_ca(before: Config, after: Config) -> Iterator[str]:
    if not _common(before.machine.ca, after.machine.ca):
        yield (
            "machine.ca, machine.acceptedCAs: no authority that clients use now stays trusted; to replace it, keep "
            "the old one in machine.acceptedCAs until every client has a new certificate"
        )


def _cluster_ca(before: Config, after: Config) -> Iterator[str]:
    if not _common(before.kubernetes.ca, after.kubernetes.ca):
        yield (
            "KubeAPIServerCAConfig (legacy: cluster.ca, cluster.acceptedCAs): no authority of the cluster that this "
            "node belongs to stays trusted; keep the old one among the accepted ones"
        )


def _etcd_ca(before: Config, after: Config) -> Iterator[str]:
    old, new = before.cluster.etcd.ca, after.cluster.etcd.ca
    stays = before.machine.is_control_plane and after.machine.is_control_plane
    if stays and old and old.crt and (new is None or not _keys([old.crt]) & _keys([new.crt])):
        yield "cluster.etcd.ca: the other members trust the authority before only"


def _encryption_key(before: Config, after: Config) -> Iterator[str]:
    if before.machine.is_control_plane and after.machine.is_control_plane:
        lost = _names(before.kubernetes.etcd_encryption) - _names(after.kubernetes.etcd_encryption)
        if lost:
            yield (
                f"KubeEtcdEncryptionConfig (legacy: cluster.secretboxEncryptionSecret): "
                f"{', '.join(sorted(name for name, _ in lost))} is gone or has another secret; add the new key before "
                "the old one, and remove the old one when every object was written again"
            )


def _subnets(before: Config, after: Config) -> Iterator[str]:
    if not before.machine.runs_kubelet:
        return  # nothing runs in them
    for what, old, new in (
        ("pod", before.cluster.pod_cidrs, after.cluster.pod_cidrs),
        ("service", before.cluster.service_cidrs, after.cluster.service_cidrs),
    ):
        if lost := [subnet for subnet in old if subnet not in new]:
            yield f"{what} subnet {', '.join(lost)} would be replaced by {', '.join(new)}"


def _cluster_id(before: Config, after: Config) -> Iterator[str]:
    if before.cluster.id and before.cluster.id != after.cluster.id:
        yield "DiscoveryIdentityConfig (legacy: cluster.id): other members know this cluster by the id before only"


def _firewall(before: Config, after: Config) -> Iterator[str]:
    if _blocked(after) and not _blocked(before):
        yield (
            f"NetworkDefaultActionConfig blocks packets, and no NetworkRuleConfig lets TCP port {API_PORT} in, where "
            "this API is"
        )


_CHECKS: tuple[tuple[str, Callable[[Config, Config], Iterable[str]]], ...] = (
    ("machine-type", _machine_type),
    ("own-control-plane", _own_control_plane),
    ("endpoint", _endpoint),
    ("machine-ca", _machine_ca),
    ("cluster-ca", _cluster_ca),
    ("etcd-ca", _etcd_ca),
    ("encryption-key", _encryption_key),
    ("subnets", _subnets),
    ("cluster-id", _cluster_id),
    ("firewall", _firewall),
)


def _addresses(config: Config) -> set[str]:
    return {str(a.address).partition("/")[0] for link in config.network.links for a in link.addresses}


def _common(before: Authority, after: Authority) -> bool:
    """An authority of `before` stays trusted; also if there was none."""
    old = _keys(_certificates(before))
    return not old or bool(old & _keys(_certificates(after)))


def _certificates(authority: Authority) -> list[bytes]:
    issuing = [authority.issuing.crt] if authority.issuing and authority.issuing.crt else []
    return [*issuing, *authority.accepted]


def _keys(certificates: Iterable[bytes]) -> set[bytes]:
    """Public keys: a renewed certificate of the same key verifies the same signatures. What cannot be read counts as
    written."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found = set()
    for text in certificates:
        try:
            for certificate in x509.load_pem_x509_certificates(text):
                found.add(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        except ValueError:
            found.add(text.strip())
    return found


def _names(value: Any) -> set[tuple[str, str]]:
    """(name, secret) of every key of an EncryptionConfiguration, of whichever provider."""
    if isinstance(value, dict):
        own = {(str(value.get("name", "")), str(value["secret"]))} if "secret" in value else set()
        return own.union(*(_names(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_names(item) for item in value))
    return set()


def _blocked(config: Config) -> bool:
    default = config.get(NetworkDefaultActionConfig)
    return default is not None and default.ingress == "block" and not any(
        rule.port_selector.protocol == "tcp" and any(_has(str(ports)) for ports in rule.port_selector.ports)
        for rule in config.get_all(NetworkRuleConfig)
    )


def _has(ports: str) -> bool:
    low, _, high = ports.partition("-")
    return int(low) <= API_PORT <= int(high or low)
