"""Resource types of the domain cluster."""

from __future__ import annotations

from talos.resources.cluster.affiliate import AffiliateSpec, KubeSpanAffiliateSpec
from talos.resources.cluster.control_plane import ControlPlane
from talos.resources.cluster.discovery_config import ConfigSpec, ServiceEndpoint
from talos.resources.cluster.identity import IdentitySpec
from talos.resources.cluster.info import InfoSpec
from talos.resources.cluster.member import MemberSpec

__all__ = [
    "AffiliateSpec",
    "ConfigSpec",
    "ControlPlane",
    "IdentitySpec",
    "InfoSpec",
    "KubeSpanAffiliateSpec",
    "MemberSpec",
    "ServiceEndpoint",
]
