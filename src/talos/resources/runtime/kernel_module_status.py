"""KernelModuleStatus: resource type KernelModuleStatuses.runtime.talos.dev."""

from __future__ import annotations

from talos.resources.enums import KernelModuleState, KernelModuleType
from talos.state.spec import Spec, resource


@resource(
    type="KernelModuleStatuses.runtime.talos.dev",
    namespace="runtime",
    display="KernelModuleStatus",
    aliases=("module", "modules", "kernelmodulestatus", "kms"),
    all_aliases=("kernelmodulestatuses", "kernelmodulestatuses.runtime", "kernelmodulestatuses.runtime.talos"),
    columns=(("Type", "{.type}"), ("State", "{.state}")),
    proto="talos.resource.definitions.runtime.KernelModuleStatusSpec",
    omit_empty=("dependencies",),
)
class KernelModuleStatusSpec(Spec):
    """Spec of KernelModuleStatuses.runtime.talos.dev."""

    type: KernelModuleType = KernelModuleType.UNKNOWN
    size: int = 0
    reference_count: int = 0
    dependencies: list[str] = []
    state: KernelModuleState = KernelModuleState.LIVE
    address: str = ""
