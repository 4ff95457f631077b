"""Names in the certificate that a node without configuration shows."""

from __future__ import annotations

from talos.controllers.secrets.cert_sans import maintenance_sans
from talos.resources.network import HostnameStatusSpec, NodeAddressSpec
from talos.resources.secrets import CertSANSpec
from talos.state import SHARED, Controller, Input, Output, Runtime

ADDRESSES = "accumulative"


class MaintenanceCertSANsController(Controller):
    """HostnameStatus, NodeAddress -> CertSAN "maintenance"."""

    name = "secrets.MaintenanceCertSANsController"
    inputs = (Input(HostnameStatusSpec, id="hostname"), Input(NodeAddressSpec, id=ADDRESSES))
    outputs = (Output(CertSANSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        addresses = await rt.get_or_none(NodeAddressSpec, ADDRESSES)
        if addresses is None:
            return
        hostname = await rt.get_or_none(HostnameStatusSpec, "hostname")
        sans = maintenance_sans(hostname.spec if hostname else None, addresses.spec)
        await rt.modify(CertSANSpec, "maintenance", lambda _: sans)
