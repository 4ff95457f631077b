"""AdmissionControlConfig: resource type AdmissionControlConfigs.kubernetes.talos.dev."""

from __future__ import annotations

from typing import Any

from talos.state.spec import Part, Spec, resource


class AdmissionPluginSpec(Part):
    """Message AdmissionPluginSpec of the wire contract."""

    name: str = ""
    configuration: dict[str, Any] = {}


@resource(
    type="AdmissionControlConfigs.kubernetes.talos.dev",
    namespace="controlplane",
    display="AdmissionControlConfig",
    aliases=("admissioncontrolconfig", "acc", "accs"),
    all_aliases=(
        "admissioncontrolconfigs",
        "admissioncontrolconfigs.kubernetes",
        "admissioncontrolconfigs.kubernetes.talos",
    ),
    proto="talos.resource.definitions.k8s.AdmissionControlConfigSpec",
)
class AdmissionControlConfigSpec(Spec):
    """Spec of AdmissionControlConfigs.kubernetes.talos.dev."""

    config: list[AdmissionPluginSpec] = []
