"""Reports the resolvers in use; the files that name them come from EtcFileController."""

from __future__ import annotations

from talos.controllers.transform import ResourceTransform
from talos.resources.network import ResolverSpecSpec, ResolverStatusSpec
from talos.state.controller import EXCLUSIVE, STRONG, Input, Output


class ResolverSpecController(ResourceTransform):
    name = "network.ResolverSpecController"
    process = "networkd"
    kind = ResolverStatusSpec
    id = "resolvers"
    inputs = (Input(ResolverSpecSpec, STRONG, id="resolvers"),)
    outputs = (Output(ResolverStatusSpec, EXCLUSIVE),)

    def render(self, spec: ResolverSpecSpec) -> ResolverStatusSpec:
        return ResolverStatusSpec(
            dns_servers=list(spec.dns_servers),
            name_servers=list(spec.name_servers),
            search_domains=list(spec.search_domains),
        )
