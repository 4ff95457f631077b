"""Manifests of the user, from the configuration: given by URL or as text."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.transform import ConfigTransform
from talos.resources.k8s import ExtraManifest, ExtraManifestsConfigSpec
from talos.state import Output


class ControlPlaneExtraManifestsController(ConfigTransform):
    """MachineConfig -> ExtraManifestsConfig "extra-manifests"."""

    name = "k8s.ControlPlaneExtraManifestsController"
    outputs = (Output(ExtraManifestsConfigSpec),)
    kind = ExtraManifestsConfigSpec
    id = "extra-manifests"

    def render(self, config: Config) -> ExtraManifestsConfigSpec | None:
        if not config.machine.is_control_plane or config.kubernetes.api_server is None:
            return None
        cluster = config.cluster
        network = set(cluster.cni.urls)
        external = [
            # The network comes first: without it nothing else that these manifests bring can run.
            ExtraManifest(
                name=m.name, url=m.url, priority="05" if m.url in network else "99", extra_headers=dict(m.headers)
            )
            for m in cluster.external_manifests
        ]
        inline = [
            ExtraManifest(name=m.name, priority="99", inline_manifest=m.contents) for m in cluster.inline_manifests
        ]
        return ExtraManifestsConfigSpec(extra_manifests=[*external, *inline])
