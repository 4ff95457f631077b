"""The kernel's command line of a machine; a container's is its host's and is not shown."""

from __future__ import annotations

from talos.resources.runtime import KernelCmdlineSpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime


class KernelCmdlineController(Controller):
    name = "runtime.KernelCmdlineController"
    outputs = (Output(KernelCmdlineSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        if rt.env.in_container:
            return
        spec = KernelCmdlineSpec(cmdline=rt.env.arguments.text.strip())
        await rt.modify(KernelCmdlineSpec, "cmdline", lambda _old: spec)
