"""HostnameSpec: resource type HostnameSpecs.net.talos.dev."""

from __future__ import annotations

from talos.resources.enums import ConfigLayer
from talos.state.spec import Spec, resource


@resource(
    type="HostnameSpecs.net.talos.dev",
    namespace="network",
    display="HostnameSpec",
    aliases=("hostnamespec", "hs"),
    all_aliases=("hostnamespecs", "hostnamespecs.net", "hostnamespecs.net.talos"),
    proto="talos.resource.definitions.network.HostnameSpecSpec",
    proto_names={"layer": "config_layer"},
)
class HostnameSpecSpec(Spec):
    """Spec of HostnameSpecs.net.talos.dev."""

    hostname: str = ""
    domainname: str = ""
    layer: ConfigLayer = ConfigLayer.DEFAULT
