"""Which addresses may be the kubelet's node IPs."""

from __future__ import annotations

from ipaddress import ip_network

from talos.config import Config
from talos.controllers.etcd.config import split_subnets
from talos.controllers.transform import ConfigTransform
from talos.resources.k8s import NodeIPConfigSpec
from talos.state import Output


class NodeIPConfigController(ConfigTransform):
    """MachineConfig -> NodeIPConfig "kubelet"."""

    name = "k8s.NodeIPConfigController"
    outputs = (Output(NodeIPConfigSpec),)
    kind = NodeIPConfigSpec
    id = "kubelet"

    def render(self, config: Config) -> NodeIPConfigSpec | None:
        if not config.machine.configured or config.kubelet.spec is None:
            return None
        cluster = config.cluster
        valid, exclude = split_subnets(config.kubelet.node.valid_subnets)
        if not valid:
            # One node IP of each family that Services use.
            families = {ip_network(c, strict=False).version for c in cluster.service_cidrs}
            valid = [everything for version, everything in ((4, "0.0.0.0/0"), (6, "::/0")) if version in families]
        return NodeIPConfigSpec(
            valid_subnets=valid, exclude_subnets=[*exclude, *cluster.pod_cidrs, *cluster.service_cidrs]
        )
