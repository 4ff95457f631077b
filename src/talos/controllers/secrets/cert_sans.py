"""Which names and addresses certificates of this node carry: what three controllers share.

Addresses are those the node has ever had since it started, not the current ones: a certificate that loses an address
for a moment breaks clients, one that keeps an old address harms nobody.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from ipaddress import ip_address, ip_interface
from typing import Any, ClassVar
from urllib.parse import urlsplit

from talos.resources.network import HostnameStatusSpec, NodeAddressSpec
from talos.resources.secrets import CertSANSpec, KubernetesRootSpec, OSRootSpec
from talos.state import SHARED, Controller, Input, Output, Runtime

ADDRESSES = "accumulative-no-k8s"
MAINTENANCE_NAME = "maintenance-service.talos.dev"


def host_names(hostname: HostnameStatusSpec) -> list[str]:
    """Short and, if there is a domain, full name."""
    return list(dict.fromkeys([hostname.hostname, fqdn(hostname)]))


def fqdn(hostname: HostnameStatusSpec) -> str:
    """Name with its domain."""
    return f"{hostname.hostname}.{hostname.domainname}" if hostname.domainname else hostname.hostname


def plain_addresses(addresses: Iterable[str]) -> list[str]:
    """Addresses without prefix length."""
    return [str(ip_interface(a).ip) for a in addresses]


def api_sans(root: OSRootSpec, hostname: HostnameStatusSpec, addresses: NodeAddressSpec) -> CertSANSpec:
    """Names of the node's own API."""
    ips = [*plain_addresses(addresses.addresses), "127.0.0.1", *root.cert_san_ips]
    return CertSANSpec(
        ips=list(dict.fromkeys(ips)),
        dns_names=list(dict.fromkeys([*host_names(hostname), *root.cert_san_dns_names])),
        fqdn=fqdn(hostname),
    )


def maintenance_sans(hostname: HostnameStatusSpec | None, addresses: NodeAddressSpec) -> CertSANSpec:
    """Names of the API of a node without configuration."""
    return CertSANSpec(
        ips=[*plain_addresses(addresses.addresses), "127.0.0.1", "::1"],
        dns_names=host_names(hostname) if hostname and hostname.hostname else [],
        fqdn=MAINTENANCE_NAME,
    )


def kubernetes_sans(root: KubernetesRootSpec, hostname: HostnameStatusSpec, addresses: NodeAddressSpec) -> CertSANSpec:
    """Names of the Kubernetes API server on this node, sorted."""
    ips = {*plain_addresses(addresses.addresses), *root.api_server_ips, "127.0.0.1"}
    names = {
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{root.dns_domain}",
        "localhost",
        *host_names(hostname),
    }
    for name in [urlsplit(root.endpoint).hostname or "", *root.cert_sans]:
        try:
            ips.add(str(ip_address(name)))
        except ValueError:
            names.add(name)
    return CertSANSpec(ips=sorted(ips, key=_address_order), dns_names=sorted(names - {""}))


def _address_order(address: str) -> tuple[int, int]:
    ip = ip_address(address)
    return ip.version, int(ip)


class CertSANsController(Controller):
    """Keeps the CertSAN ``id`` equal to ``render``, as soon as the node has a host name and addresses."""

    root: ClassVar[Input]
    """the authority that will sign; without it there is no certificate to name anything"""
    id: ClassVar[str]
    outputs = (Output(CertSANSpec, SHARED),)

    @abstractmethod
    def render(self, root: Any, hostname: HostnameStatusSpec, addresses: NodeAddressSpec) -> CertSANSpec:
        """The names; ``root`` is the spec of the authority."""

    async def reconcile(self, rt: Runtime) -> None:
        assert self.root.id is not None
        root = await rt.get_or_none(self.root.kind, self.root.id)
        if root is None:
            await rt.keep_only(CertSANSpec, ())
            return
        hostname = await rt.get_or_none(HostnameStatusSpec, "hostname")
        addresses = await rt.get_or_none(NodeAddressSpec, ADDRESSES)
        if hostname is not None and addresses is not None:
            sans = self.render(root.spec, hostname.spec, addresses.spec)
            await rt.modify(CertSANSpec, self.id, lambda _: sans)


def sans_inputs(root: Input) -> tuple[Input, ...]:
    """Inputs of a CertSANsController."""
    return (root, Input(HostnameStatusSpec, id="hostname"), Input(NodeAddressSpec, id=ADDRESSES))
