"""LVMValidationError: resource type LVMValidationErrors.storage.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="LVMValidationErrors.storage.talos.dev",
    namespace="storage",
    display="LVMValidationError",
    aliases=("lvmvalidationerror", "lvmve", "lvmves"),
    all_aliases=("lvmvalidationerrors", "lvmvalidationerrors.storage", "lvmvalidationerrors.storage.talos"),
    columns=(("VG", "{.vgName}"), ("Message", "{.message}")),
    proto="talos.resource.definitions.storage.LVMValidationErrorSpec",
)
class LVMValidationErrorSpec(Spec):
    """Spec of LVMValidationErrors.storage.talos.dev."""

    vg_name: str = ""
    message: str = ""
