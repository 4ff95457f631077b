"""The name that counts: of the highest layer; of several links with DHCP, the first one's."""

from __future__ import annotations

from talos.controllers.network.layers import CONFIG_NAMESPACE, MergeController
from talos.resources.network import HostnameSpecSpec
from talos.state.controller import SHARED, Input, Output
from talos.state.spec import Spec


class HostnameMergeController(MergeController):
    name = "HostnameMergeControllers.net.talos.dev"
    kind = HostnameSpecSpec
    inputs = (Input(HostnameSpecSpec, namespace=CONFIG_NAMESPACE),)
    outputs = (Output(HostnameSpecSpec, SHARED),)

    @staticmethod
    def combine(lower: Spec, higher: Spec) -> Spec:
        assert isinstance(lower, HostnameSpecSpec)
        assert isinstance(higher, HostnameSpecSpec)
        return lower if higher.layer is lower.layer else higher
