"""Where this node's etcd listens and what it advertises."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_interface

from talos.controllers.etcd.subnets import choose
from talos.resources.etcd import ConfigSpec, SpecSpec
from talos.resources.network import HostnameStatusSpec, NodeAddressSpec
from talos.state import Controller, Input, Output, Runtime

ROUTED = "routed-no-k8s"
CURRENT = "current-no-k8s"


class SpecController(Controller):
    """EtcdConfig, HostnameStatus, NodeAddress -> EtcdSpec "etcd"."""

    name = "etcd.SpecController"
    inputs = (
        Input(ConfigSpec, id="etcd"),
        Input(HostnameStatusSpec, id="hostname"),
        Input(NodeAddressSpec, id=ROUTED),
        Input(NodeAddressSpec, id=CURRENT),
    )
    outputs = (Output(SpecSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await rt.get_or_none(ConfigSpec, "etcd")
        if config is None:
            await rt.keep_only(SpecSpec, ())
            return
        hostname = await rt.get_or_none(HostnameStatusSpec, "hostname")
        routed = await rt.get_or_none(NodeAddressSpec, ROUTED)
        current = await rt.get_or_none(NodeAddressSpec, CURRENT)
        if hostname is None or routed is None or current is None:
            return
        spec = etcd_spec(config.spec, hostname.spec.hostname, routed.spec.addresses, current.spec.addresses)
        if spec is not None:
            await rt.modify(SpecSpec, "etcd", lambda _: spec)


def etcd_spec(config: ConfigSpec, hostname: str, routed: Sequence[str], current: Sequence[str]) -> SpecSpec | None:
    """None when no address may be advertised (yet).

    One address is advertised unless subnets are configured: a member reachable at one address only must not be known
    by two. Without subnets it listens on every address of the families it has.
    """
    advertised = choose(routed, valid=config.advertise_valid_subnets, exclude=config.advertise_exclude_subnets)
    if not config.advertise_valid_subnets:
        advertised = advertised[:1]
    if not advertised:
        return None
    if config.listen_valid_subnets:
        own = choose(current, valid=config.listen_valid_subnets, exclude=config.listen_exclude_subnets)
        if not own:
            return None
        peer, client = own, [*own, _loopback(own)]
    else:
        families = {ip_interface(a).version for a in current} or {ip_address(advertised[0]).version}
        peer = client = ["::"] if 6 in families else ["0.0.0.0"]
    return SpecSpec(
        name=hostname,
        advertised_addresses=advertised,
        listen_peer_addresses=peer,
        listen_client_addresses=client,
        image=config.image,
        extra_args=config.extra_args,
    )


def _loopback(addresses: Sequence[str]) -> str:
    """The API server and the node itself reach etcd at the loopback address."""
    return "127.0.0.1" if any(ip_address(a).version == 4 for a in addresses) else "::1"
