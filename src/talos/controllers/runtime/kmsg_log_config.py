"""Where the kernel's log is sent: what the kernel argument talos.logging.kernel says, and the configuration."""

from __future__ import annotations

import logging

from talos.controllers import machine_config
from talos.controllers.publish import publish
from talos.resources.runtime import KmsgLogConfigSpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime

log = logging.getLogger("controller-runtime.kmsg_log_config")

ID = "kmsg-log"
ARGUMENT = "talos.logging.kernel"


def destinations(arguments: list[str], configured: tuple[str, ...]) -> list[str]:
    """Each once, those of the kernel's command line first."""
    found = []
    for url in (*arguments, *configured):
        if not url.startswith(("tcp://", "udp://")):
            log.warning("%s=%s is left out: it is no tcp or udp URL", ARGUMENT, url)
        elif url not in found:
            found.append(url)
    return found


class KmsgLogConfigController(Controller):
    name = "runtime.KmsgLogConfigController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(KmsgLogConfigSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        configured = () if config is None else config.machine.kernel_log_destinations
        found = destinations(rt.env.arguments.values(ARGUMENT), configured)
        await publish(rt, KmsgLogConfigSpec, {ID: KmsgLogConfigSpec(destinations=found)} if found else {})
