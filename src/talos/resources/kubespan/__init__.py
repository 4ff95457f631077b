"""Resource types of the domain kubespan."""

from __future__ import annotations

from talos.resources.kubespan.kube_span_config import ConfigSpec
from talos.resources.kubespan.kube_span_endpoint import EndpointSpec
from talos.resources.kubespan.kube_span_identity import IdentitySpec
from talos.resources.kubespan.kube_span_peer_spec import PeerSpecSpec
from talos.resources.kubespan.kube_span_peer_status import PeerStatusSpec

__all__ = [
    "ConfigSpec",
    "EndpointSpec",
    "IdentitySpec",
    "PeerSpecSpec",
    "PeerStatusSpec",
]
