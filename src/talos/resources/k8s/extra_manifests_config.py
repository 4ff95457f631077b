"""ExtraManifestsConfig: resource type ExtraManifestsConfigs.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Part, Spec, resource


class ExtraManifest(Part):
    """Message ExtraManifest of the wire contract."""

    name: str = ""
    url: str = ""
    priority: str = ""
    extra_headers: dict[str, str] = {}
    inline_manifest: str = ""


@resource(
    type="ExtraManifestsConfigs.kubernetes.talos.dev",
    namespace="controlplane",
    display="ExtraManifestsConfig",
    aliases=("extramanifestsconfig", "emc", "emcs"),
    all_aliases=("extramanifestsconfigs", "extramanifestsconfigs.kubernetes", "extramanifestsconfigs.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.ExtraManifestsConfigSpec",
)
class ExtraManifestsConfigSpec(Spec):
    """Spec of ExtraManifestsConfigs.kubernetes.talos.dev."""

    extra_manifests: list[ExtraManifest] = []
