"""Names in the certificate of the node's API."""

from __future__ import annotations

from talos.controllers.secrets.cert_sans import CertSANsController, api_sans, sans_inputs
from talos.resources.network import HostnameStatusSpec, NodeAddressSpec
from talos.resources.secrets import CertSANSpec, OSRootSpec
from talos.state import Input


class APICertSANsController(CertSANsController):
    """OSRootSecret, HostnameStatus, NodeAddress -> CertSAN "api"."""

    name = "secrets.APICertSANsController"
    id = "api"
    root = Input(OSRootSpec, id="os")
    inputs = sans_inputs(root)

    def render(self, root: OSRootSpec, hostname: HostnameStatusSpec, addresses: NodeAddressSpec) -> CertSANSpec:
        return api_sans(root, hostname, addresses)
