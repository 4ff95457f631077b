"""This node's place in the etcd cluster: its member id; a learner is promoted as soon as it has caught up."""

from __future__ import annotations

from grpclib import GRPCError

from talos.etcd.client import EtcdClient, EtcdUnavailableError
from talos.resources.etcd import MemberSpec, SpecSpec
from talos.resources.k8s import EndpointSpec
from talos.resources.secrets import EtcdCertsSpec, EtcdRootSpec
from talos.resources.v1alpha1 import ServiceSpec
from talos.state import Controller, Input, Output, Runtime

RETRY_S = 0.2


class MemberController(Controller):
    """Service etcd -> EtcdMember "local"."""

    name = "etcd.MemberController"
    inputs = (
        Input(ServiceSpec, id="etcd"),
        Input(SpecSpec, id="etcd"),
        Input(EtcdRootSpec, id="etcd"),
        Input(EtcdCertsSpec, id="etcd"),
        Input(EndpointSpec),
    )
    outputs = (Output(MemberSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        service = await rt.get_or_none(ServiceSpec, "etcd")
        if service is None or not service.spec.running:
            await rt.keep_only(MemberSpec, ())
            return
        etcd = await client_of(rt, ["127.0.0.1"])
        if etcd is None:
            return
        async with etcd:
            try:
                status = await etcd.status()
                if status.is_learner:
                    await self._promote(rt, status.header.member_id)
                    return  # voting members only are shown: what waits for this one needs its vote
            except (EtcdUnavailableError, GRPCError) as error:
                rt.log.debug("etcd does not answer yet: %s", error)
                rt.requeue_after(RETRY_S)
                return
        member = MemberSpec(member_id=format(status.header.member_id, "016x"))
        await rt.modify(MemberSpec, "local", lambda _: member)

    async def _promote(self, rt: Runtime, own: int) -> None:
        """Ask another member: a learner answers nothing but its status."""
        spec = await rt.get_or_none(SpecSpec, "etcd")
        mine = set(spec.spec.advertised_addresses) if spec else set()
        hosts = [host for e in await rt.list(EndpointSpec) for host in (*e.spec.addresses, *e.spec.hosts)]
        others = [host for host in dict.fromkeys(hosts) if host not in mine]
        etcd = await client_of(rt, others) if others else None
        if etcd is None:
            rt.requeue_after(RETRY_S)
            return
        async with etcd:
            try:
                await etcd.promote_member(own)
                rt.log.info("promoted to a voting member")
                rt.trigger()
            except (EtcdUnavailableError, GRPCError) as error:
                rt.log.debug("not promoted yet: %s", error)
                rt.requeue_after(RETRY_S)


async def client_of(rt: Runtime, endpoints: list[str]) -> EtcdClient | None:
    """A client with this node's credentials; None while there are none. Inputs: EtcdRootSecret and EtcdSecret."""
    root = await rt.get_or_none(EtcdRootSpec, "etcd")
    certs = await rt.get_or_none(EtcdCertsSpec, "etcd")
    if root is None or certs is None:
        return None
    return EtcdClient(
        endpoints,
        ca=root.spec.etcd_ca.crt.encode(),
        certificate=certs.spec.etcd_admin.crt.encode(),
        key=certs.spec.etcd_admin.key.encode(),
    )
