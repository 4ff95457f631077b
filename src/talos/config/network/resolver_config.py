"""ResolverConfig: DNS servers, search domains and the host's DNS cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document, Part
from talos.config.forms import Address, Kept, OneOf

if TYPE_CHECKING:
    from talos.config.config import Config


class NameserverConfig(Part, kw_only=True):
    """``nameservers``."""

    address: Kept[Address] = ""
    protocol: Annotated[str, OneOf("Do53", "DoT", "DoH")] = ""
    tls_server_name: str = ""


class SearchDomainsConfig(Part, kw_only=True):
    """``searchDomains``."""

    domains: list[str] = field(default_factory=list)
    disable_default: bool | None = None


class HostDNSConfig(Part, kw_only=True):
    """``hostDNS``."""

    enabled: bool | None = None
    forward_kube_dns_to_host: bool | None = field(default=None, name="forwardKubeDNSToHost")
    resolve_member_names: bool | None = None


class ResolverConfig(Document, kw_only=True):
    """DNS servers, search domains and the host's DNS cache."""

    KIND: ClassVar[str] = "ResolverConfig"

    nameservers: list[NameserverConfig] = field(default_factory=list)
    search_domains: SearchDomainsConfig = field(default_factory=SearchDomainsConfig)
    host_dns: HostDNSConfig = field(default_factory=HostDNSConfig, name="hostDNS")

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.words("searchDomains.domains", self.search_domains.domains)
