"""BGPPeerStatus: resource type BGPPeerStatuses.net.talos.dev."""

from __future__ import annotations

from datetime import datetime

import msgspec

from talos.resources.enums import BGPSessionState
from talos.state.clock import ZERO_TIME
from talos.state.spec import Spec, resource


@resource(
    type="BGPPeerStatuses.net.talos.dev",
    namespace="network",
    display="BGPPeerStatus",
    aliases=("bgppeerstatus", "bgpps"),
    all_aliases=("bgppeerstatuses", "bgppeerstatuses.net", "bgppeerstatuses.net.talos"),
    columns=(
        ("Instance", "{.instance}"),
        ("Peer", "{.peer}"),
        ("Peer AS", "{.peerASN}"),
        ("State", "{.state}"),
        ("Since", "{.since}"),
        ("Received", "{.received}"),
    ),
    proto="talos.resource.definitions.network.BGPPeerStatusSpec",
    omit_empty=("router_id", "since", "bfd_state"),
)
class BGPPeerStatusSpec(Spec):
    """Spec of BGPPeerStatuses.net.talos.dev."""

    peer: str = ""
    local_asn: int = msgspec.field(default=0, name="localASN")
    peer_asn: int = msgspec.field(default=0, name="peerASN")
    state: BGPSessionState = BGPSessionState.UNKNOWN
    router_id: str = msgspec.field(default="", name="routerID")
    since: datetime = ZERO_TIME
    received: int = 0
    advertised: int = 0
    accepted: int = 0
    bfd_state: str = ""
    instance: str = ""
