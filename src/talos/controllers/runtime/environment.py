"""The environment that machined was started with, secrets left out."""

from __future__ import annotations

from talos.resources.runtime import EnvironmentSpec
from talos.state.controller import Controller, Output
from talos.state.runtime import Runtime

SECRET = frozenset({"USERDATA"})


class EnvironmentController(Controller):
    """Writes it once."""

    name = "runtime.EnvironmentController"
    outputs = (Output(EnvironmentSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        variables = sorted(f"{name}={value}" for name, value in rt.env.variables.items() if name not in SECRET)
        await rt.modify(EnvironmentSpec, "machined", lambda _old: EnvironmentSpec(variables=variables))
