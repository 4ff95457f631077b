"""Name server, shared by several resource types."""

from __future__ import annotations

from talos.resources.enums import DNSProtocol
from talos.state.spec import Part


class NameServerSpec(Part):
    """Message NameServerSpec of the wire contract."""

    addr: str = ""
    protocol: DNSProtocol = DNSProtocol.DEFAULT
    tls_server_name: str = ""
