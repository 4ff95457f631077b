"""KubeSpanEndpoint: resource type KubeSpanEndpoints.kubespan.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="KubeSpanEndpoints.kubespan.talos.dev",
    namespace="kubespan",
    display="KubeSpanEndpoint",
    aliases=("kubespanendpoint", "kse", "kses"),
    all_aliases=("kubespanendpoints", "kubespanendpoints.kubespan", "kubespanendpoints.kubespan.talos"),
    columns=(("Endpoint", "{.endpoint}"), ("Affiliate ID", "{.affiliateID}")),
    proto="talos.resource.definitions.kubespan.EndpointSpec",
)
class EndpointSpec(Spec):
    """Spec of KubeSpanEndpoints.kubespan.talos.dev."""

    affiliate_id: str = msgspec.field(default="", name="affiliateID")
    endpoint: str = ""
