"""KubeSpanPeerStatus: resource type KubeSpanPeerStatuses.kubespan.talos.dev."""

from __future__ import annotations

from datetime import datetime

from talos.resources.enums import PeerState
from talos.state.clock import ZERO_TIME
from talos.state.spec import Spec, resource


@resource(
    type="KubeSpanPeerStatuses.kubespan.talos.dev",
    namespace="kubespan",
    display="KubeSpanPeerStatus",
    aliases=("kubespanpeerstatus", "ksps"),
    all_aliases=("kubespanpeerstatuses", "kubespanpeerstatuses.kubespan", "kubespanpeerstatuses.kubespan.talos"),
    columns=(
        ("Label", "{.label}"),
        ("Endpoint", "{.endpoint}"),
        ("State", "{.state}"),
        ("Rx", "{.receiveBytes}"),
        ("Tx", "{.transmitBytes}"),
    ),
    proto="talos.resource.definitions.kubespan.PeerStatusSpec",
)
class PeerStatusSpec(Spec):
    """Spec of KubeSpanPeerStatuses.kubespan.talos.dev."""

    endpoint: str = ""
    label: str = ""
    state: PeerState = PeerState.UNKNOWN
    receive_bytes: int = 0
    transmit_bytes: int = 0
    last_handshake_time: datetime = ZERO_TIME
    last_used_endpoint: str = ""
    last_endpoint_change: datetime = ZERO_TIME
