"""Tells PID 1 that this boot works, once apid answers: until then PID 1 restarts the machine at its deadline.

This is the least that every boot must reach, with a configuration or without. Whether a slot on trial stays is decided
elsewhere, by the health of the whole node.
"""

from __future__ import annotations

import os

from talos.resources.v1alpha1 import ServiceSpec
from talos.state.controller import Controller, Input
from talos.state.runtime import Runtime

CONTROL = "/run/init/control"


class BootConfirmController(Controller):
    """Service "apid" -> `confirm` on PID 1's control FIFO."""

    name = "runtime.BootConfirmController"
    inputs = (Input(ServiceSpec, id="apid"),)

    def __init__(self) -> None:
        self._told = False

    async def reconcile(self, rt: Runtime) -> None:
        if self._told or rt.env.in_container:
            return
        apid = await rt.get_or_none(ServiceSpec, "apid")
        if apid is None or not (apid.spec.running and apid.spec.healthy):
            return
        fd = os.open(rt.env.path(CONTROL), os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(fd, b"confirm\n")
        finally:
            os.close(fd)
        self._told = True
