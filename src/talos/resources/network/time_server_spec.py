"""TimeServerSpec: resource type TimeServerSpecs.net.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.enums import ConfigLayer
from talos.state.spec import Spec, resource


@resource(
    type="TimeServerSpecs.net.talos.dev",
    namespace="network",
    display="TimeServerSpec",
    aliases=("timeserverspec", "tss"),
    all_aliases=("timeserverspecs", "timeserverspecs.net", "timeserverspecs.net.talos"),
    columns=(("Timeservers", "{.timeServers}"), ("UseNTS", "{.useNTS}")),
    proto="talos.resource.definitions.network.TimeServerSpecSpec",
    omit_empty=("use_nts",),
    proto_names={"time_servers": "ntp_servers", "layer": "config_layer"},
)
class TimeServerSpecSpec(Spec):
    """Spec of TimeServerSpecs.net.talos.dev."""

    time_servers: list[str] = []
    use_nts: bool = msgspec.field(default=False, name="useNTS")
    layer: ConfigLayer = ConfigLayer.DEFAULT
