"""The kubelet's node IPs: the first address of each family that the configuration admits."""

from __future__ import annotations

from ipaddress import ip_address

from talos.controllers.etcd.subnets import choose
from talos.resources.k8s import NodeIPConfigSpec, NodeIPSpec
from talos.resources.network import NodeAddressSpec
from talos.state import Controller, Input, Output, Runtime

ADDRESSES = "routed-no-k8s"


class NodeIPController(Controller):
    """NodeIPConfig, NodeAddress -> NodeIP "kubelet"."""

    name = "k8s.NodeIPController"
    inputs = (Input(NodeIPConfigSpec, id="kubelet"), Input(NodeAddressSpec, id=ADDRESSES))
    outputs = (Output(NodeIPSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await rt.get_or_none(NodeIPConfigSpec, "kubelet")
        if config is None:
            await rt.keep_only(NodeIPSpec, ())
            return
        addresses = await rt.get_or_none(NodeAddressSpec, ADDRESSES)
        if addresses is None:
            return
        chosen = node_ips(config.spec, addresses.spec.addresses)
        if not chosen:
            if addresses.spec.addresses:
                rt.log.warning("no address of this node is in the subnets for node IPs: %s", config.spec.valid_subnets)
            return
        await rt.modify(NodeIPSpec, "kubelet", lambda _: NodeIPSpec(addresses=chosen))


def node_ips(config: NodeIPConfigSpec, addresses: list[str]) -> list[str]:
    """At most one address of each family, in the order of the node's addresses."""
    by_family: dict[int, str] = {}
    for address in choose(addresses, valid=config.valid_subnets, exclude=config.exclude_subnets):
        by_family.setdefault(ip_address(address).version, address)
    return list(by_family.values())
