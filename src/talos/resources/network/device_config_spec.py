"""DeviceConfigSpec: resource type DeviceConfigSpecs.net.talos.dev."""

from __future__ import annotations

from typing import Any

from talos.state.spec import Spec, resource


@resource(
    type="DeviceConfigSpecs.net.talos.dev",
    namespace="network",
    display="DeviceConfigSpec",
    aliases=("deviceconfigspec", "dcs"),
    all_aliases=("deviceconfigspecs", "deviceconfigspecs.net", "deviceconfigspecs.net.talos"),
    proto="resource.network.DeviceConfigSpecSpec",
    sensitive=True,
    proto_names={"device": "yaml_marshalled"},
)
class DeviceConfigSpecSpec(Spec):
    """Spec of DeviceConfigSpecs.net.talos.dev."""

    device: Any = None
