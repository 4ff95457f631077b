"""The network of the kernel's command line, as a layer of its own. A container's command line is its host's: unread."""

from __future__ import annotations

from talos.controllers.network.kernel_network import LAYER, KernelNetwork, parse
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.network.operator_config import operator_id
from talos.controllers.network.physical import hardware
from talos.controllers.network.route_config import route_id
from talos.controllers.publish import publish
from talos.resources.network import (
    AddressSpecSpec,
    HostnameSpecSpec,
    LinkSpecSpec,
    LinkStatusSpec,
    OperatorSpecSpec,
    ResolverSpecSpec,
    RouteSpecSpec,
    TimeServerSpecSpec,
)
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.runtime import Runtime
from talos.state.spec import Spec

_KINDS = (AddressSpecSpec, HostnameSpecSpec, LinkSpecSpec, OperatorSpecSpec, ResolverSpecSpec, RouteSpecSpec,
          TimeServerSpecSpec)  # fmt: skip


def by_id(network: KernelNetwork) -> dict[type[Spec], dict[str, Spec]]:
    """Specs of each kind under their final ids."""
    single = {"hostname": network.hostname, "resolvers": network.resolvers, "timeservers": network.time_servers}
    found: dict[type[Spec], dict[str, Spec]] = {kind: {} for kind in _KINDS}
    for name, spec in single.items():
        if spec is not None:
            found[type(spec)][name] = spec
    found[LinkSpecSpec] |= {link.name: link for link in network.links}
    found[AddressSpecSpec] |= {f"{one.link_name}/{one.address}": one for one in network.addresses}
    found[RouteSpecSpec] |= {route_id(one): one for one in network.routes}
    found[OperatorSpecSpec] |= {operator_id(one): one for one in network.operators}
    return found


class CmdlineConfigController(Controller):
    name = "network.CmdlineConfigController"
    inputs = (Input(LinkStatusSpec),)
    outputs = tuple(Output(kind, SHARED) for kind in _KINDS)

    def __init__(self) -> None:
        self._told: list[str] = []

    async def reconcile(self, rt: Runtime) -> None:
        network = parse(rt.env.arguments, hardware(await rt.list(LinkStatusSpec)))
        for error in network.errors:
            if error not in self._told:
                rt.log.error("%s", error)
        self._told = network.errors
        for kind, specs in by_id(network).items():
            desired = {layered_id(LAYER, id_): spec for id_, spec in specs.items()}
            await publish(rt, kind, desired, namespace=CONFIG_NAMESPACE)
