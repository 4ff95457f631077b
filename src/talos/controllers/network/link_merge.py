"""Links that count: what a higher layer leaves open a lower one may say (DHCP the MTU, the configuration the rest)."""

from __future__ import annotations

import msgspec

from talos.controllers.network.layers import CONFIG_NAMESPACE, MergeController
from talos.resources.network import LinkSpecSpec
from talos.state.controller import SHARED, Input, Output
from talos.state.spec import Spec

_EMPTY = LinkSpecSpec()


class LinkMergeController(MergeController):
    name = "LinkMergeControllers.net.talos.dev"
    kind = LinkSpecSpec
    inputs = (Input(LinkSpecSpec, namespace=CONFIG_NAMESPACE),)
    outputs = (Output(LinkSpecSpec, SHARED),)

    @staticmethod
    def combine(lower: Spec, higher: Spec) -> Spec:
        assert isinstance(lower, LinkSpecSpec)
        assert isinstance(higher, LinkSpecSpec)
        said = {
            name: getattr(higher, name)
            for name in LinkSpecSpec.__struct_fields__
            if name == "up" or getattr(higher, name) != getattr(_EMPTY, name)
        }
        return msgspec.structs.replace(lower, **said)
