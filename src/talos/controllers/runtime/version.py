"""The node's version as a resource."""

from __future__ import annotations

from talos import versions
from talos.resources.runtime import VersionSpec
from talos.state.controller import Controller, Output
from talos.state.runtime import Runtime


class VersionController(Controller):
    """Writes it once."""

    name = "runtime.VersionController"
    outputs = (Output(VersionSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        spec = VersionSpec(name="Talos", version=versions.TALOS_VERSION)
        await rt.modify(VersionSpec, "version", lambda _old: spec)
