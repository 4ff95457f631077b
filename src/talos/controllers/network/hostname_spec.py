"""Sets the host name. In machined: sethostname(2) takes CAP_SYS_ADMIN, which networkd does not get for one call.

A container's UTS namespace is its own, so the name is set there as well.
"""

from __future__ import annotations

import socket

from talos.resources.network import HostnameSpecSpec, HostnameStatusSpec
from talos.state.controller import EXCLUSIVE, STRONG, Controller, Input, Output
from talos.state.resource import Phase
from talos.state.runtime import Runtime


class HostnameSpecController(Controller):
    name = "network.HostnameSpecController"
    inputs = (Input(HostnameSpecSpec, STRONG, id="hostname"),)
    outputs = (Output(HostnameStatusSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        resource = await rt.get_or_none(HostnameSpecSpec, "hostname")
        if resource is None:
            return
        if resource.md.phase is Phase.TEARING_DOWN:
            await rt.remove_finalizer(resource)  # the kernel's name stays: there is no other to put in its place
            return
        spec = (await rt.add_finalizer(resource)).spec
        if socket.gethostname() != spec.hostname:
            rt.log.info("setting hostname to %s", spec.hostname)
            socket.sethostname(spec.hostname)
        status = HostnameStatusSpec(hostname=spec.hostname, domainname=spec.domainname)
        await rt.modify(HostnameStatusSpec, "hostname", lambda _old: status)
