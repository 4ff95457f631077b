"""Keeps the peer URLs that the cluster knows of this member equal to its addresses."""

from __future__ import annotations

from grpclib import GRPCError

from talos.controllers.etcd.member import client_of
from talos.etcd.arguments import peer_urls
from talos.etcd.client import EtcdUnavailableError
from talos.resources.etcd import PKIStatusSpec, SpecSpec
from talos.resources.secrets import EtcdCertsSpec, EtcdRootSpec
from talos.resources.v1alpha1 import ServiceSpec
from talos.state import Controller, Input, Runtime

RETRY_S = 5.0


class AdvertisedPeerController(Controller):
    """EtcdSpec -> the member's peer URLs in the cluster."""

    name = "etcd.AdvertisedPeerController"
    inputs = (
        Input(SpecSpec, id="etcd"),
        Input(PKIStatusSpec, id="etcd"),
        Input(ServiceSpec, id="etcd"),
        Input(EtcdRootSpec, id="etcd"),
        Input(EtcdCertsSpec, id="etcd"),
    )

    async def reconcile(self, rt: Runtime) -> None:
        service = await rt.get_or_none(ServiceSpec, "etcd")
        spec = await rt.get_or_none(SpecSpec, "etcd")
        if service is None or not service.spec.healthy or spec is None:
            return
        etcd = await client_of(rt, ["127.0.0.1"])
        if etcd is None:
            return
        wanted = peer_urls(spec.spec.advertised_addresses)
        async with etcd:
            try:
                own = (await etcd.status()).header.member_id
                mine = next((m for m in await etcd.members() if m.id == own), None)
                if mine is not None and sorted(mine.peer_urls) != sorted(wanted):
                    await etcd.update_member(own, wanted)
                    rt.log.info("peer URLs are now %s", ", ".join(wanted))
            except (EtcdUnavailableError, GRPCError) as error:
                rt.log.debug("etcd does not answer: %s", error)
                rt.requeue_after(RETRY_S)
