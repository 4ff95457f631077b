"""ProbeSpec: resource type ProbeSpecs.net.talos.dev."""

from __future__ import annotations

from datetime import timedelta

from talos.resources.enums import ConfigLayer
from talos.resources.network.http_probe import HTTPProbeSpec
from talos.resources.network.tcp_probe import TCPProbeSpec
from talos.state.spec import Spec, resource


@resource(
    type="ProbeSpecs.net.talos.dev",
    namespace="network",
    display="ProbeSpec",
    aliases=("probespec", "ps"),
    all_aliases=("probespecs", "probespecs.net", "probespecs.net.talos"),
    proto="talos.resource.definitions.network.ProbeSpecSpec",
    omit_empty=("tcp", "http"),
    proto_names={"layer": "config_layer"},
)
class ProbeSpecSpec(Spec):
    """Spec of ProbeSpecs.net.talos.dev."""

    interval: timedelta = timedelta()
    failure_threshold: int = 0
    tcp: TCPProbeSpec | None = None
    layer: ConfigLayer = ConfigLayer.DEFAULT
    http: HTTPProbeSpec | None = None
