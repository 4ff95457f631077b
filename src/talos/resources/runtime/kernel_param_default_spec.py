"""KernelParamDefaultSpec: resource type KernelParamDefaultSpecs.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="KernelParamDefaultSpecs.runtime.talos.dev",
    namespace="runtime",
    display="KernelParamDefaultSpec",
    aliases=("kernelparamdefaultspec", "kpds"),
    all_aliases=("kernelparamdefaultspecs", "kernelparamdefaultspecs.runtime", "kernelparamdefaultspecs.runtime.talos"),
    proto="talos.resource.definitions.runtime.KernelParamSpecSpec",
)
class KernelParamDefaultSpecSpec(Spec):
    """Spec of KernelParamDefaultSpecs.runtime.talos.dev."""

    value: str = ""
    ignore_errors: bool = False
