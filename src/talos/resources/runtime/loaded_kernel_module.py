"""LoadedKernelModule: resource type LoadedKernelModules.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="LoadedKernelModules.runtime.talos.dev",
    namespace="runtime",
    display="LoadedKernelModule",
    aliases=("loadedkernelmodule", "lkm", "lkms"),
    all_aliases=("loadedkernelmodules", "loadedkernelmodules.runtime", "loadedkernelmodules.runtime.talos"),
    columns=(("State", "{.state}"),),
    proto="talos.resource.definitions.runtime.LoadedKernelModuleSpec",
    omit_empty=("dependencies",),
)
class LoadedKernelModuleSpec(Spec):
    """Spec of LoadedKernelModules.runtime.talos.dev."""

    size: int = 0
    reference_count: int = 0
    dependencies: list[str] = []
    state: str = ""
    address: str = ""
