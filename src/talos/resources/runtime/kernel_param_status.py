"""KernelParamStatus: resource type KernelParamStatuses.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="KernelParamStatuses.runtime.talos.dev",
    namespace="runtime",
    display="KernelParamStatus",
    aliases=("sysctls", "kernelparameters", "kernelparams", "kernelparamstatus", "kps"),
    all_aliases=("kernelparamstatuses", "kernelparamstatuses.runtime", "kernelparamstatuses.runtime.talos"),
    columns=(("Current", "{.current}"), ("Default", "{.default}"), ("Unsupported", "{.unsupported}")),
    proto="talos.resource.definitions.runtime.KernelParamStatusSpec",
)
class KernelParamStatusSpec(Spec):
    """Spec of KernelParamStatuses.runtime.talos.dev."""

    current: str = ""
    default: str = ""
    unsupported: bool = False
