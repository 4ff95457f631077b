"""How this node describes itself to the other members."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.config.machine_type import machine_type
from talos.controllers.k8s.control_plane_api_server_final import FINAL_ID
from talos.controllers.k8s.nodename import from_hostname
from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.controllers.publish import always
from talos.controllers.secrets.cert_sans import fqdn, plain_addresses
from talos.resources.cluster import AffiliateSpec, ConfigSpec, ControlPlane, IdentitySpec
from talos.resources.k8s import APIServerConfigSpec, NodenameSpec
from talos.resources.network import HostnameStatusSpec, NodeAddressSpec
from talos.state import SHARED, Controller, Input, Output, Runtime
from talos.versions import TALOS_VERSION

ADDRESSES = "routed-no-k8s"


class LocalAffiliateController(Controller):
    """Identity, HostnameStatus, Nodename, NodeAddress, … -> Affiliate of this node."""

    name = "cluster.LocalAffiliateController"
    inputs = (
        ACTIVE_CONFIG,
        Input(ConfigSpec, id="cluster"),
        Input(IdentitySpec, id="local"),
        Input(HostnameStatusSpec, id="hostname"),
        Input(NodenameSpec, id="nodename"),
        Input(NodeAddressSpec, id=ADDRESSES),
        Input(APIServerConfigSpec, id=FINAL_ID),
    )
    outputs = (Output(AffiliateSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        discovery = await rt.get_or_none(ConfigSpec, "cluster")
        identity = await rt.get_or_none(IdentitySpec, "local")
        if config is None or discovery is None or not discovery.spec.discovery_enabled or identity is None:
            await rt.keep_only(AffiliateSpec, ())
            return
        hostname = await rt.get_or_none(HostnameStatusSpec, "hostname")
        addresses = await rt.get_or_none(NodeAddressSpec, ADDRESSES)
        if hostname is None or addresses is None:
            return
        nodename = await rt.get_or_none(NodenameSpec, "nodename")
        server = await rt.get_or_none(APIServerConfigSpec, FINAL_ID)
        spec = AffiliateSpec(
            node_id=identity.spec.node_id,
            addresses=plain_addresses(addresses.spec.addresses),
            hostname=fqdn(hostname.spec),
            nodename=_member_name(config, nodename.spec if nodename else None, hostname.spec),
            operating_system=f"Talos ({TALOS_VERSION})",
            machine_type=machine_type(config),
            control_plane=ControlPlane(port=server.spec.local_port)
            if config.machine.is_control_plane and server
            else None,
        )
        await rt.modify(AffiliateSpec, spec.node_id, always(spec))
        await rt.keep_only(AffiliateSpec, (spec.node_id,))


def _member_name(config: Config, nodename: NodenameSpec | None, hostname: HostnameStatusSpec) -> str:
    """A member has a node's name of Kubernetes, or the one that it would have there; "" while it is not known."""
    if nodename is not None:
        return nodename.nodename
    return "" if config.machine.runs_kubelet else from_hostname(hostname.hostname)
