"""KubeletSpec: resource type KubeletSpecs.kubernetes.talos.dev."""

from __future__ import annotations

from typing import Any

from talos.resources.proto.mount import Mount
from talos.state.spec import Spec, resource


@resource(
    type="KubeletSpecs.kubernetes.talos.dev",
    namespace="k8s",
    display="KubeletSpec",
    aliases=("kubeletspec", "ks"),
    all_aliases=("kubeletspecs", "kubeletspecs.kubernetes", "kubeletspecs.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.KubeletSpecSpec",
    sensitive=True,
    omit_empty=("args", "extra_mounts", "expected_nodename", "credential_provider_config"),
)
class KubeletSpecSpec(Spec):
    """Spec of KubeletSpecs.kubernetes.talos.dev."""

    image: str = ""
    args: list[str] = []
    extra_mounts: list[Mount] = []
    expected_nodename: str = ""
    config: dict[str, Any] = {}
    credential_provider_config: dict[str, Any] = {}
