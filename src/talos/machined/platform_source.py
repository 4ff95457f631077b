"""The configuration of a machine that has none on disk: the platform is asked until it answers, for minutes at most.

A network that is not up yet, a server that is being restarted, a certificate that is not valid before the clock is set:
each of these passes by itself, and a machine that gave up would wait for a person.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from talos.controllers.network.physical import hardware
from talos.platforms import Machine, NoSeedError, PlatformError, of
from talos.resources.network import HostnameStatusSpec, LinkStatusSpec
from talos.resources.runtime import MetaKeySpec

if TYPE_CHECKING:
    from talos.machined.node import Node

log = logging.getLogger("machined.platform")

LIMIT_S, SEED_LIMIT_S = 180.0, 15.0
FIRST_WAIT_S, LAST_WAIT_S = 0.5, 10.0


async def acquire(node: Node) -> bytes | None:
    """The platform's configuration, None if it has none. PlatformError, OSError: there should be one, and is not."""
    platform = of(node.env)
    clock = node.env.clock
    began, wait, said = clock.monotonic(), FIRST_WAIT_S, ""
    while True:
        try:
            return await platform.configuration(await describe(node))
        except (PlatformError, OSError) as error:
            limit = SEED_LIMIT_S if isinstance(error, NoSeedError) else LIMIT_S
            if node.env.in_container or clock.monotonic() - began > limit:
                raise
            if str(error) != said:
                log.warning("no configuration yet: %s", error)
            said = str(error)
        await clock.sleep(wait)
        wait = min(wait * 2, LAST_WAIT_S)


async def describe(node: Node) -> Machine:
    """What is known of this machine now."""
    links = hardware(await node.state.list(LinkStatusSpec))
    name = await node.state.get_or_none(HostnameStatusSpec, "hostname")
    meta = {row.md.id: row.spec.value for row in await node.state.list(MetaKeySpec)}
    return Machine(node.env, links, name.spec.hostname if name is not None else "", meta, log)
