"""ExtensionServiceConfig: resource type ExtensionServiceConfigs.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Part, Spec, resource


class ExtensionServiceConfigFile(Part):
    """Message ExtensionServiceConfigFile of the wire contract."""

    content: str = ""
    mount_path: str = ""


@resource(
    type="ExtensionServiceConfigs.runtime.talos.dev",
    namespace="runtime",
    display="ExtensionServiceConfig",
    aliases=("extensionserviceconfig", "esc", "escs"),
    all_aliases=("extensionserviceconfigs", "extensionserviceconfigs.runtime", "extensionserviceconfigs.runtime.talos"),
    proto="talos.resource.definitions.runtime.ExtensionServiceConfigSpec",
    sensitive=True,
    omit_empty=("files", "environment"),
)
class ExtensionServiceConfigSpec(Spec):
    """Spec of ExtensionServiceConfigs.runtime.talos.dev."""

    files: list[ExtensionServiceConfigFile] = []
    environment: list[str] = []
