"""The API servers that the node's load balancer chooses from."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.resources.cluster import MemberSpec
from talos.resources.k8s import KubePrismEndpoint, KubePrismEndpointsSpec
from talos.state import Controller, Input, Output, Runtime

ID = "k8s-cluster"
LOCALHOST = "localhost"


class KubePrismEndpointsController(Controller):
    """MachineConfig, Members -> KubePrismEndpoints "k8s-cluster"."""

    name = "k8s.KubePrismEndpointsController"
    inputs = (ACTIVE_CONFIG, Input(MemberSpec))
    outputs = (Output(KubePrismEndpointsSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        if config is None or not config.cluster.endpoint:
            await rt.keep_only(KubePrismEndpointsSpec, ())
            return
        members = [m.spec for m in await rt.list(MemberSpec)]
        spec = KubePrismEndpointsSpec(endpoints=load_balanced(config, members))
        await rt.modify(KubePrismEndpointsSpec, ID, lambda _: spec)


def load_balanced(config: Config, members: list[MemberSpec]) -> list[KubePrismEndpoint]:
    """The configured endpoint, the own API server, and those of all known control plane nodes, each once."""
    found = [(config.cluster.endpoint_host, config.cluster.endpoint_port)]
    api_server = config.kubernetes.api_server
    if config.machine.is_control_plane and api_server is not None:
        found.append((LOCALHOST, api_server.port))
    for member in members:
        if member.machine_type.is_control_plane and member.addresses:
            port = member.control_plane.port if member.control_plane else 6443
            found.append((member.addresses[0], port))
    return [KubePrismEndpoint(host=host, port=port) for host, port in dict.fromkeys(found)]
