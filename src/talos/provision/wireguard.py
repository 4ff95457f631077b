"""`cluster create --wireguard-cidr`: a WireGuard link on every node, with all other nodes as its peers.

As Talos has it: the link is wg0, it listens on port 51111, node N of the cluster has the address N+1 of the network
(the first one that nodes have is the second), a peer is heard of every five seconds. Unlike there every node has an
endpoint, since all are on one network, and a peer is allowed its own address instead of the whole network: an address
belongs to one peer only, so that of several with the whole network the last would have it all.
"""

from __future__ import annotations

import ipaddress
import os
from typing import Any

from talos.linux import wireguard as wg
from talos.provision import subnet
from talos.provision.model import CONTROL_PLANE, ClusterModel, NodeModel, ProvisionError, host_port

FLAG = "--wireguard-cidr"
LINK = "wg0"
PORT = 51111
KEEPALIVE = "5s"
_OVERHEAD = 80
"""bytes by which a packet grows at most (IPv6, UDP, WireGuard's header and tag)"""


def check(model: ClusterModel, text: str) -> subnet.Network:
    """The network, with room for every node. ProvisionError."""
    network = subnet.parse_any(text, FLAG)
    if network.num_addresses < len(model.nodes) + 3:
        raise ProvisionError(
            f"{FLAG} {network} has room for {max(network.num_addresses - 3, 0)} nodes, {len(model.nodes)} are wanted; "
            "give a wider one"
        )
    own = (("the nodes' network", ipaddress.ip_network(one)) for one in model.subnets)
    others = (*own, *(("one of Kubernetes' networks", one) for one in subnet.RESERVED))
    for what, other in others:
        if network.version == other.version and network.overlaps(other):
            raise ProvisionError(f"{FLAG} {network} overlaps with {what} {other}: give another one")
    return network


def address(network: subnet.Network, node: NodeModel) -> str:
    """A node's own in that network."""
    return str(network[node.index + 1])


def documents(model: ClusterModel, text: str) -> dict[str, str]:
    """A patch for each node, by name, with keys that are made for it. ProvisionError."""
    from talos.config.yaml_writer import dump_all

    network = check(model, text)
    private = {node.name: wg.clamp(os.urandom(wg.KEY_BYTES)) for node in model.nodes}
    peers = {node.name: _peer(network, node, private[node.name]) for node in model.nodes}
    return {
        node.name: dump_all(
            [
                {
                    "apiVersion": "v1alpha1",
                    "kind": "WireguardConfig",
                    "name": LINK,
                    "privateKey": wg.key_text(private[node.name]),
                    "listenPort": PORT,
                    "peers": [peer for name, peer in peers.items() if name != node.name],
                    "mtu": model.mtu - _OVERHEAD,
                    "addresses": [{"address": f"{address(network, node)}/{network.prefixlen}"}],
                }
            ]
        )
        for node in model.nodes
    }


def known_by(model: ClusterModel, role: str, *, older: bool) -> str:
    """A patch: the kubelet and etcd go on to know a node by its address on the cluster's own network.

    Left to themselves they take the lowest number, and would move to the other network when its link comes up. older:
    the kubelet's settings are no document of their own.
    """
    from talos.config.yaml_writer import dump_all

    node_ip = {"nodeIP": {"validSubnets": model.subnets}}
    found: list[dict[str, Any]] = [{"machine": {"kubelet": node_ip}}] if older else []
    if role == CONTROL_PLANE:
        found.append({"cluster": {"etcd": {"advertisedSubnets": model.subnets}}})
    if not older:
        found.append({"apiVersion": "v1alpha1", "kind": "KubeNodeConfig", **node_ip})
    return dump_all(found)


def _peer(network: subnet.Network, node: NodeModel, private_key: bytes) -> dict[str, Any]:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    public_key = X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
    return {
        "publicKey": wg.key_text(public_key),
        "endpoint": host_port(node.address, PORT),
        "persistentKeepaliveInterval": KEEPALIVE,
        "allowedIPs": [f"{address(network, node)}/{network.max_prefixlen}"],
    }
