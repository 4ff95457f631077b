"""Member: resource type Members.cluster.talos.dev."""

from __future__ import annotations

from talos.resources.cluster.control_plane import ControlPlane
from talos.resources.enums import MachineType
from talos.state.spec import Spec, resource


@resource(
    type="Members.cluster.talos.dev",
    namespace="cluster",
    display="Member",
    aliases=("member",),
    all_aliases=("members", "members.cluster", "members.cluster.talos"),
    columns=(
        ("Hostname", "{.hostname}"),
        ("Machine Type", "{.machineType}"),
        ("OS", "{.operatingSystem}"),
        ("Addresses", "{.addresses}"),
    ),
    proto="talos.resource.definitions.cluster.MemberSpec",
    omit_empty=("control_plane",),
)
class MemberSpec(Spec):
    """Spec of Members.cluster.talos.dev."""

    node_id: str = ""
    addresses: list[str] = []
    hostname: str = ""
    machine_type: MachineType = MachineType.UNKNOWN
    operating_system: str = ""
    control_plane: ControlPlane | None = None
