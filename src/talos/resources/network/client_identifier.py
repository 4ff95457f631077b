"""Client identifier, shared by several resource types."""

from __future__ import annotations

from talos.resources.enums import ClientIdentifier
from talos.state.spec import Part, part


@part(omit_empty=("duid_raw_hex",))
class ClientIdentifierSpec(Part):
    """Message ClientIdentifierSpec of the wire contract."""

    client_identifier: ClientIdentifier = ClientIdentifier.NONE
    duid_raw_hex: str = ""
