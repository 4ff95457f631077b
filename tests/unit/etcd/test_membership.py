"""Whom a control plane node asks whether it may join."""

from __future__ import annotations

from talos.etcd.membership import other_control_planes
from talos.resources.k8s import EndpointSpec
from talos.resources.network import NodeAddressSpec
from talos.state.inmemory import InMemoryState


async def test_a_node_does_not_ask_itself() -> None:
    """Whichever of its addresses the cluster knows it by."""
    state = InMemoryState()

    def known(spec: EndpointSpec) -> None:
        spec.addresses = ["10.5.0.2", "fec0::2", "10.244.0.1", "10.5.0.3", "fec0::3"]
        spec.hosts = ["cp-1", "cp-2"]

    def accumulated(spec: NodeAddressSpec) -> None:
        spec.addresses = ["10.5.0.2/24", "fec0::2/64", "10.244.0.1/32"]

    await state.modify(EndpointSpec, "discovery", known)
    await state.modify(NodeAddressSpec, "accumulative", accumulated)
    assert await other_control_planes(state, {"10.5.0.2", "cp-1"}) == ["10.5.0.3", "fec0::3", "cp-2"]
