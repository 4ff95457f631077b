"""KernelModuleSpec: resource type KernelModuleSpecs.runtime.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="KernelModuleSpecs.runtime.talos.dev",
    namespace="runtime",
    display="KernelModuleSpec",
    aliases=("kernelmodulespec", "kms"),
    all_aliases=("kernelmodulespecs", "kernelmodulespecs.runtime", "kernelmodulespecs.runtime.talos"),
    proto="talos.resource.definitions.runtime.KernelModuleSpecSpec",
)
class KernelModuleSpecSpec(Spec):
    """Spec of KernelModuleSpecs.runtime.talos.dev."""

    name: str = msgspec.field(default="", name="string")
    parameters: list[str] = []
