"""etcd's certificates: its server and peer, the node as its administrator, the API server as its client."""

from __future__ import annotations

from datetime import datetime

from talos.controllers.secrets.cert_sans import host_names, plain_addresses
from talos.controllers.secrets.pem import pair, resource_pair
from talos.controllers.secrets.renewal import Renewal, requeue_at_renewal, spec_or_none
from talos.controllers.time_sync import TIME_STATUS, time_is_synced
from talos.pki.certificates import AUTHORITY_VALIDITY, Usage, issue_pair
from talos.resources.network import HostnameStatusSpec, NodeAddressSpec
from talos.resources.secrets import EtcdCertsSpec, EtcdRootSpec
from talos.state import Controller, Input, Output, Runtime

ADDRESSES = "accumulative-no-k8s"
BOTH = Usage.SERVER | Usage.CLIENT


class EtcdController(Controller):
    """EtcdRootSecret, HostnameStatus, NodeAddress -> EtcdSecret "etcd"."""

    name = "secrets.EtcdController"
    inputs = (
        Input(EtcdRootSpec, id="etcd"),
        Input(HostnameStatusSpec, id="hostname"),
        Input(NodeAddressSpec, id=ADDRESSES),
        TIME_STATUS,
    )
    outputs = (Output(EtcdCertsSpec),)

    def __init__(self) -> None:
        self._renewal = Renewal()

    async def reconcile(self, rt: Runtime) -> None:
        root = spec_or_none(await rt.get_or_none(EtcdRootSpec, "etcd"))
        if root is None:
            await rt.keep_only(EtcdCertsSpec, ())
            return
        hostname = spec_or_none(await rt.get_or_none(HostnameStatusSpec, "hostname"))
        addresses = spec_or_none(await rt.get_or_none(NodeAddressSpec, ADDRESSES))
        if hostname is None or addresses is None or not addresses.addresses or not await time_is_synced(rt):
            return
        made_from = (root, hostname, addresses)
        current = await rt.get_or_none(EtcdCertsSpec, "etcd")
        if self._renewal.due(made_from, _leaves(current.spec) if current else [], rt.clock.now()):
            spec = etcd_certificates(root, hostname, addresses, rt.clock.now())
            current = await rt.modify(EtcdCertsSpec, "etcd", lambda _: spec)
            self._renewal.done(made_from)
        assert current is not None
        requeue_at_renewal(rt, *_leaves(current.spec))


def etcd_certificates(
    root: EtcdRootSpec, hostname: HostnameStatusSpec, addresses: NodeAddressSpec, now: datetime
) -> EtcdCertsSpec:
    """The four pairs; they live as long as the authority, since a member that cannot renew is a lost member."""
    authority = pair(root.etcd_ca)
    names, ips = host_names(hostname), plain_addresses(addresses.addresses)
    server = issue_pair(
        authority,
        common_name=hostname.hostname,
        dns_names=[*names, "localhost"],
        ip_addresses=[*ips, "127.0.0.1", "::1"],
        usage=BOTH,
        key_encipherment=True,
        validity=AUTHORITY_VALIDITY,
        now=now,
    )
    peer = issue_pair(
        authority,
        common_name=hostname.hostname,
        dns_names=names,
        ip_addresses=ips,
        usage=BOTH,
        key_encipherment=True,
        validity=AUTHORITY_VALIDITY,
        now=now,
    )
    clients = [
        issue_pair(
            authority,
            common_name=name,
            usage=Usage.CLIENT,
            key_encipherment=True,
            validity=AUTHORITY_VALIDITY,
            now=now,
        )
        for name in ("talos", "kube-apiserver")
    ]
    return EtcdCertsSpec(
        etcd=resource_pair(server),
        etcd_peer=resource_pair(peer),
        etcd_admin=resource_pair(clients[0]),
        etcd_api_server=resource_pair(clients[1]),
    )


def _leaves(spec: EtcdCertsSpec) -> list[str]:
    return [spec.etcd.crt, spec.etcd_peer.crt, spec.etcd_admin.crt, spec.etcd_api_server.crt]
