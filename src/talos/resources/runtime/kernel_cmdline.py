"""KernelCmdline: resource type KernelCmdlines.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="KernelCmdlines.runtime.talos.dev",
    namespace="runtime",
    display="KernelCmdline",
    aliases=("cmdline", "kernelcmdline", "kc", "kcs"),
    all_aliases=("kernelcmdlines", "kernelcmdlines.runtime", "kernelcmdlines.runtime.talos"),
    columns=(("Cmdline", "{.cmdline}"),),
    proto="talos.resource.definitions.runtime.KernelCmdlineSpec",
)
class KernelCmdlineSpec(Spec):
    """Spec of KernelCmdlines.runtime.talos.dev."""

    cmdline: str = ""
