"""Sets the host name. In machined: sethostname(2) takes CAP_SYS_ADMIN, which networkd does not get for one call.

A container's UTS namespace is its own, so the name is set there as well.
"""

from __future__ import annotations

import socket

from talos.resources.network import HostnameSpecSpec, HostnameStatusSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime


class HostnameSpecController(Controller):
    name = "network.HostnameSpecController"
    inputs = (Input(HostnameSpecSpec, id="hostname"),)
    outputs = (Output(HostnameStatusSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        resource = await rt.get_or_none(HostnameSpecSpec, "hostname")
        if resource is None:
            return
        spec = resource.spec
        if socket.gethostname() != spec.hostname:
            rt.log.info("setting hostname to %s", spec.hostname)
            socket.sethostname(spec.hostname)
        status = HostnameStatusSpec(hostname=spec.hostname, domainname=spec.domainname)
        await rt.modify(HostnameStatusSpec, "hostname", lambda _old: status)
