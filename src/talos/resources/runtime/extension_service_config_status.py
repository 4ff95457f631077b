"""ExtensionServiceConfigStatus: resource type ExtensionServiceConfigStatuses.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="ExtensionServiceConfigStatuses.runtime.talos.dev",
    namespace="runtime",
    display="ExtensionServiceConfigStatus",
    aliases=("extensionserviceconfigstatus", "escs"),
    all_aliases=(
        "extensionserviceconfigstatuses",
        "extensionserviceconfigstatuses.runtime",
        "extensionserviceconfigstatuses.runtime.talos",
    ),
    proto="talos.resource.definitions.runtime.ExtensionServiceConfigStatusSpec",
)
class ExtensionServiceConfigStatusSpec(Spec):
    """Spec of ExtensionServiceConfigStatuses.runtime.talos.dev."""

    spec_version: str = ""
