"""The authority that a node without configuration makes for itself. It lives in memory only."""

from __future__ import annotations

from talos.controllers.secrets.pem import resource_pair
from talos.pki.certificates import NODE_VALIDITY, new_authority, renew_at
from talos.resources.secrets import MaintenanceRootSpec
from talos.state import Controller, Output, Runtime


class MaintenanceRootController(Controller):
    """-> MaintenanceRootSecret "maintenance"."""

    name = "secrets.MaintenanceRootController"
    outputs = (Output(MaintenanceRootSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        now = rt.clock.now()
        current = await rt.get_or_none(MaintenanceRootSpec, "maintenance")
        if current is None or renew_at(current.spec.ca.crt.encode()) <= now:
            spec = MaintenanceRootSpec(ca=resource_pair(new_authority(validity=NODE_VALIDITY, now=now)))
            current = await rt.modify(MaintenanceRootSpec, "maintenance", lambda _: spec)
        rt.requeue_after((renew_at(current.spec.ca.crt.encode()) - now).total_seconds())
