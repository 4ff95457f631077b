"""DevicesStatus: resource type DevicesStatuses.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="DevicesStatuses.runtime.talos.dev",
    namespace="runtime",
    display="DevicesStatus",
    aliases=("devicesstatus", "ds"),
    all_aliases=("devicesstatuses", "devicesstatuses.runtime", "devicesstatuses.runtime.talos"),
    columns=(("Ready", "{.ready}"),),
    proto="talos.resource.definitions.runtime.DevicesStatusSpec",
)
class DevicesStatusSpec(Spec):
    """Spec of DevicesStatuses.runtime.talos.dev."""

    ready: bool = False
