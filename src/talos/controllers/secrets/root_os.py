"""The operating system's authority, from the configuration."""

from __future__ import annotations

from ipaddress import ip_address

from talos.config import Config
from talos.controllers.secrets.pem import certificates
from talos.controllers.transform import ConfigTransform
from talos.resources.pem import CertificateAndKey
from talos.resources.secrets import OSRootSpec
from talos.state import Output

SERVICE_NAMES = ("talos", "talos.default")
"""by which pods call the machine API (kubeaccess)"""


class RootOSController(ConfigTransform):
    """MachineConfig -> OSRootSecret "os". On workers the authority's key is absent."""

    name = "secrets.RootOSController"
    outputs = (Output(OSRootSpec),)
    kind = OSRootSpec
    id = "os"

    def render(self, config: Config) -> OSRootSpec | None:
        machine = config.machine
        if not machine.configured:
            return None
        authority = machine.ca
        issuing = authority.issuing
        ips, names = split_sans(machine.cert_sans)
        if machine.talos_api_access.enabled:
            names += SERVICE_NAMES
        return OSRootSpec(
            issuing_ca=CertificateAndKey(crt=issuing.crt.decode(), key=issuing.key.decode())
            if issuing
            else CertificateAndKey(),
            accepted_cas=certificates([issuing.crt if issuing else b"", *authority.accepted]),
            cert_san_ips=ips,
            cert_san_dns_names=names,
            token=machine.token,
        )


def split_sans(sans: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Alternative names as (addresses, DNS names)."""
    ips: list[str] = []
    names: list[str] = []
    for san in sans:
        try:
            ips.append(str(ip_address(san)))
        except ValueError:
            names.append(san)
    return ips, names
