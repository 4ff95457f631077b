"""Parameter, shared by several resource types."""

from __future__ import annotations

from talos.resources.enums import FSParameterType
from talos.state.spec import Part, part


@part(omit_empty=("string", "binary"))
class ParameterSpec(Part):
    """Message ParameterSpec of the wire contract."""

    type: FSParameterType = FSParameterType.STRING_VALUE
    name: str = ""
    string: str = ""
    binary: bytes = b""
