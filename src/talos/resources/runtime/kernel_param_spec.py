"""KernelParamSpec: resource type KernelParamSpecs.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="KernelParamSpecs.runtime.talos.dev",
    namespace="runtime",
    display="KernelParamSpec",
    aliases=("kernelparamspec", "kps"),
    all_aliases=("kernelparamspecs", "kernelparamspecs.runtime", "kernelparamspecs.runtime.talos"),
    proto="talos.resource.definitions.runtime.KernelParamSpecSpec",
)
class KernelParamSpecSpec(Spec):
    """Spec of KernelParamSpecs.runtime.talos.dev."""

    value: str = ""
    ignore_errors: bool = False
