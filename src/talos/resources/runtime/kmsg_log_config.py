"""KmsgLogConfig: resource type KmsgLogConfigs.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="KmsgLogConfigs.runtime.talos.dev",
    namespace="runtime",
    display="KmsgLogConfig",
    aliases=("kmsglogconfig", "klc", "klcs"),
    all_aliases=("kmsglogconfigs", "kmsglogconfigs.runtime", "kmsglogconfigs.runtime.talos"),
    proto="talos.resource.definitions.runtime.KmsgLogConfigSpec",
    forms={"destinations": "url"},
)
class KmsgLogConfigSpec(Spec):
    """Spec of KmsgLogConfigs.runtime.talos.dev."""

    destinations: list[str] = []
