"""Affiliate: resource type Affiliates.cluster.talos.dev."""

from __future__ import annotations

from talos.resources.cluster.control_plane import ControlPlane
from talos.resources.enums import MachineType
from talos.state.spec import Part, Spec, resource


class KubeSpanAffiliateSpec(Part):
    """Message KubeSpanAffiliateSpec of the wire contract."""

    public_key: str = ""
    address: str = ""
    additional_addresses: list[str] = []
    endpoints: list[str] = []
    exclude_advertised_networks: list[str] = []


@resource(
    type="Affiliates.cluster.talos.dev",
    namespace="cluster",
    display="Affiliate",
    aliases=("affiliate",),
    all_aliases=("affiliates", "affiliates.cluster", "affiliates.cluster.talos"),
    columns=(("Hostname", "{.hostname}"), ("Machine Type", "{.machineType}"), ("Addresses", "{.addresses}")),
    proto="talos.resource.definitions.cluster.AffiliateSpec",
    omit_empty=("nodename", "kubespan", "control_plane"),
)
class AffiliateSpec(Spec):
    """Spec of Affiliates.cluster.talos.dev."""

    node_id: str = ""
    addresses: list[str] = []
    hostname: str = ""
    nodename: str = ""
    operating_system: str = ""
    machine_type: MachineType = MachineType.UNKNOWN
    kubespan: KubeSpanAffiliateSpec | None = None
    control_plane: ControlPlane | None = None
