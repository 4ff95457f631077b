"""Resolvers that count. A layer without servers keeps those below and adds its search domains; equals are joined."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from talos.controllers.network.layers import CONFIG_NAMESPACE, MergeController
from talos.resources.network import ResolverSpecSpec
from talos.state.controller import SHARED, Input, Output
from talos.state.spec import Spec

T = TypeVar("T")


def _both(first: list[T], second: list[T]) -> list[T]:
    return [*first, *(item for item in second if item not in first)]


class ResolverMergeController(MergeController):
    name = "ResolverMergeControllers.net.talos.dev"
    kind = ResolverSpecSpec
    inputs = (Input(ResolverSpecSpec, namespace=CONFIG_NAMESPACE),)
    outputs = (Output(ResolverSpecSpec, SHARED),)

    @staticmethod
    def combine(lower: Spec, higher: Spec) -> Spec:
        assert isinstance(lower, ResolverSpecSpec)
        assert isinstance(higher, ResolverSpecSpec)
        if higher.layer is lower.layer:  # two links with DHCP: the servers of both
            return msgspec.structs.replace(
                lower,
                dns_servers=_both(lower.dns_servers, higher.dns_servers),
                name_servers=_both(lower.name_servers, higher.name_servers),
                search_domains=_both(lower.search_domains, higher.search_domains),
            )
        if higher.name_servers:
            return higher
        return msgspec.structs.replace(
            higher, dns_servers=list(lower.dns_servers), name_servers=list(lower.name_servers), layer=lower.layer
        )
