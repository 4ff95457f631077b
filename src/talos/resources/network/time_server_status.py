"""TimeServerStatus: resource type TimeServerStatuses.net.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="TimeServerStatuses.net.talos.dev",
    namespace="network",
    display="TimeServerStatus",
    aliases=("timeserver", "timeservers", "timeserverstatus", "tss"),
    all_aliases=("timeserverstatuses", "timeserverstatuses.net", "timeserverstatuses.net.talos"),
    columns=(("Timeservers", "{.timeServers}"), ("UseNTS", "{.useNTS}")),
    proto="talos.resource.definitions.network.TimeServerStatusSpec",
    proto_names={"time_servers": "ntp_servers"},
)
class TimeServerStatusSpec(Spec):
    """Spec of TimeServerStatuses.net.talos.dev."""

    time_servers: list[str] = []
    use_nts: bool = msgspec.field(default=False, name="useNTS")
