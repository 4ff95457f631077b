"""Grants and revocations of the configuration, for apid, which decides about calls before machined does."""

from __future__ import annotations

from talos.access.policy import NONE
from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.resources.access import AccessPolicySpec
from talos.state.controller import Controller, Output
from talos.state.runtime import Runtime


class AccessPolicyController(Controller):
    """Machine configuration → AccessPolicies."""

    name = "access.AccessPolicyController"
    inputs = (ACTIVE_CONFIG,)
    outputs = (Output(AccessPolicySpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        spec = AccessPolicySpec.of(NONE if config is None else config.access.policy)
        await rt.modify(AccessPolicySpec, "current", lambda _old: spec)
