"""Members of the cluster: affiliates that are Kubernetes nodes."""

from __future__ import annotations

from talos.controllers.publish import always
from talos.resources.cluster import AffiliateSpec, MemberSpec
from talos.state import Controller, Input, Output, Runtime


class MemberController(Controller):
    """Affiliates -> Members, by node name."""

    name = "cluster.MemberController"
    inputs = (Input(AffiliateSpec),)
    outputs = (Output(MemberSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        members: dict[str, MemberSpec] = {}
        for resource in await rt.list(AffiliateSpec):
            spec = resource.spec
            if not spec.nodename:
                continue
            members[spec.nodename] = MemberSpec(
                node_id=spec.node_id,
                addresses=spec.addresses,
                hostname=spec.hostname,
                machine_type=spec.machine_type,
                operating_system=spec.operating_system,
                control_plane=spec.control_plane,
            )
        for name, member in members.items():
            await rt.modify(MemberSpec, name, always(member))
        await rt.keep_only(MemberSpec, members)
