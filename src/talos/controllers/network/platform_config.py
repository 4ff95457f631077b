"""What the platform says about the network and about the machine (platform_config_apply).

It is asked once a start; a machine's platform again while it does not answer (a seed's disk may appear late) and when
hardware comes that it may have meant. Until it has been asked, links are not left to DHCP: what has an address of its
own should not hold another one for a moment.
"""

from __future__ import annotations

from talos.controllers.network.physical import hardware
from talos.platforms import Machine, PlatformError, of
from talos.resources.network import HostnameStatusSpec, LinkStatusSpec, PlatformConfigSpec
from talos.resources.runtime import MetaKeySpec
from talos.resources.runtime.platform_metadata import PlatformMetadataSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

ID = "active"
NETWORK = "0x0a"
"""META's value for the platform metal; a change of it counts at once"""
_RETRY_S = 3.0
_RETRIES = 40


class PlatformConfigController(Controller):
    name = "network.PlatformConfigController"
    inputs = (Input(LinkStatusSpec), Input(HostnameStatusSpec, id="hostname"), Input(MetaKeySpec))
    outputs = (Output(PlatformConfigSpec, EXCLUSIVE),)

    def __init__(self) -> None:
        self._seen: object = None
        self._failures = 0
        self._said = ""

    async def reconcile(self, rt: Runtime) -> None:
        links = [] if rt.env.in_container else hardware(await rt.list(LinkStatusSpec))
        addresses = [(name, link.hardware_addr) for name, link in links]
        meta = {} if rt.env.in_container else {row.md.id: row.spec.value for row in await rt.list(MetaKeySpec)}
        seen = (addresses, meta.get(NETWORK))
        if self._seen == seen and await rt.get_or_none(PlatformConfigSpec, ID) is not None:
            return  # in a container: once a start, for later the name is ours
        name = await rt.get_or_none(HostnameStatusSpec, "hostname")
        machine = Machine(rt.env, links, name.spec.hostname if name is not None else "", meta, rt.log)
        try:
            spec = await of(rt.env).network(machine)
        except (PlatformError, OSError) as error:
            await self._failed(rt, str(error))
            return
        self._seen, self._failures = seen, 0
        await rt.modify(PlatformConfigSpec, ID, lambda _old: spec)

    async def _failed(self, rt: Runtime, problem: str) -> None:
        if problem != self._said:
            rt.log.warning("platform %s: %s", rt.env.platform, problem)
        self._said = problem
        self._failures += 1
        if await rt.get_or_none(PlatformConfigSpec, ID) is None:
            bare = PlatformConfigSpec(metadata=PlatformMetadataSpec(platform=rt.env.platform))
            await rt.modify(PlatformConfigSpec, ID, lambda _old: bare)
        if self._failures < _RETRIES:
            rt.requeue_after(_RETRY_S)
