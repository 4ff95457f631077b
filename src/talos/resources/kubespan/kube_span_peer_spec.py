"""KubeSpanPeerSpec: resource type KubeSpanPeerSpecs.kubespan.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="KubeSpanPeerSpecs.kubespan.talos.dev",
    namespace="kubespan",
    display="KubeSpanPeerSpec",
    aliases=("kubespanpeerspec", "ksps"),
    all_aliases=("kubespanpeerspecs", "kubespanpeerspecs.kubespan", "kubespanpeerspecs.kubespan.talos"),
    columns=(("Label", "{.label}"), ("Endpoints", "{.endpoints}")),
    proto="talos.resource.definitions.kubespan.PeerSpecSpec",
)
class PeerSpecSpec(Spec):
    """Spec of KubeSpanPeerSpecs.kubespan.talos.dev."""

    address: str = ""
    allowed_ips: list[str] = msgspec.field(default_factory=list, name="allowedIPs")
    endpoints: list[str] = []
    label: str = ""
