"""KubeNetworkConfig: subnets of pods and Services, and the DNS domain."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document
from talos.config.forms import Between, Kept, Needed, Prefix, Replaced

if TYPE_CHECKING:
    from talos.config.config import Config


MAX_NODE_MASK_DIFFERENCE = 16
"""kube-controller-manager's allocator keeps a bitmap of all node subnets: at most 2^16 of them."""
MAX_SERVICE_HOST_BITS = 20
"""kube-apiserver refuses service subnets with more host bits."""


class KubeNetworkConfig(Document, kw_only=True):
    """Subnets of pods and Services, and the DNS domain."""

    KIND: ClassVar[str] = "KubeNetworkConfig"

    dns_domain: Kept[str] = ""
    pod_subnets: Needed[Kept[Replaced[list[Prefix]]]] = field(default_factory=list)
    service_subnets: Needed[Kept[Replaced[list[Prefix]]]] = field(default_factory=list)
    node_cidr_mask_size_ipv4: Annotated[int, Between(1, 32)] = field(default=0, name="nodeCIDRMaskSizeIPv4")
    node_cidr_mask_size_ipv6: Annotated[int, Between(1, 128)] = field(default=0, name="nodeCIDRMaskSizeIPv6")

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.dns_name("dnsDomain", self.dns_domain)
        for key, subnets in (("podSubnets", self.pod_subnets), ("serviceSubnets", self.service_subnets)):
            yield from checks.subnet_families(key, subnets)
        sizes = {4: self.node_cidr_mask_size_ipv4 or 24, 6: self.node_cidr_mask_size_ipv6 or 64}
        for subnet in self.pod_subnets:
            network = ip_interface(subnet).network
            difference = sizes[network.version] - network.prefixlen
            if not 0 <= difference <= MAX_NODE_MASK_DIFFERENCE:
                yield (
                    f"podSubnets: {subnet} cannot be cut into node subnets of /{sizes[network.version]}; "
                    f"the lengths may differ by 0 to {MAX_NODE_MASK_DIFFERENCE}"
                )
        for subnet in self.service_subnets:
            network = ip_interface(subnet).network
            if network.max_prefixlen - network.prefixlen > MAX_SERVICE_HOST_BITS:
                least = network.max_prefixlen - MAX_SERVICE_HOST_BITS
                yield f"serviceSubnets: {subnet} is larger than kube-apiserver accepts; use /{least} or longer"
