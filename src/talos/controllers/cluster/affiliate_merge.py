"""What the registries say of each other node, as one: what this node says of itself stands by itself already."""

from __future__ import annotations

from talos.controllers.publish import always
from talos.resources.cluster import AffiliateSpec, IdentitySpec
from talos.resources.enums import MachineType
from talos.state import SHARED, Controller, Input, Output, Runtime

RAW = "cluster-raw"


class AffiliateMergeController(Controller):
    """Affiliates of cluster-raw (``<registry>/<node id>``) -> Affiliates."""

    name = "cluster.AffiliateMergeController"
    inputs = (Input(AffiliateSpec, namespace=RAW), Input(IdentitySpec, id="local"))
    outputs = (Output(AffiliateSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        identity = await rt.get_or_none(IdentitySpec, "local")
        if identity is None:
            return  # which of them is this node is not known yet
        merged: dict[str, AffiliateSpec] = {}
        for resource in await rt.list(AffiliateSpec, namespace=RAW):
            spec = resource.spec
            known = merged.get(spec.node_id)
            merged[spec.node_id] = spec if known is None else merge(known, spec)
        merged.pop(identity.spec.node_id, None)
        for node_id, spec in merged.items():
            await rt.modify(AffiliateSpec, node_id, always(spec))
        await rt.keep_only(AffiliateSpec, merged)


def merge(one: AffiliateSpec, other: AffiliateSpec) -> AffiliateSpec:
    """Addresses of both; of everything else the first that is said."""
    return AffiliateSpec(
        node_id=one.node_id,
        addresses=list(dict.fromkeys([*one.addresses, *other.addresses])),
        hostname=one.hostname or other.hostname,
        nodename=one.nodename or other.nodename,
        operating_system=one.operating_system or other.operating_system,
        machine_type=one.machine_type if one.machine_type is not MachineType.UNKNOWN else other.machine_type,
        kubespan=one.kubespan or other.kubespan,
        control_plane=one.control_plane or other.control_plane,
    )
