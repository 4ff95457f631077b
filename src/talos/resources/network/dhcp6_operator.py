"""Dhcp6 operator, shared by several resource types."""

from __future__ import annotations

from talos.resources.network.client_identifier import ClientIdentifierSpec
from talos.state.spec import Part, part


@part(omit_empty=("skip_hostname_request", "client_identifier"))
class DHCP6OperatorSpec(Part):
    """Message DHCP6OperatorSpec of the wire contract."""

    route_metric: int = 0
    skip_hostname_request: bool = False
    client_identifier: ClientIdentifierSpec | None = None
