"""Container run as, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part, part


@part(omit_empty=("uid", "gid"))
class ContainerRunAsSpec(Part):
    """Message ContainerRunAsSpec of the wire contract."""

    uid: int = 0
    gid: int = 0
