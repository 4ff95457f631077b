"""LVMVolumeGroupSpec: resource type LVMVolumeGroupSpecs.storage.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="LVMVolumeGroupSpecs.storage.talos.dev",
    namespace="storage",
    display="LVMVolumeGroupSpec",
    aliases=("lvmvolumegroupspec", "lvmvgs"),
    all_aliases=("lvmvolumegroupspecs", "lvmvolumegroupspecs.storage", "lvmvolumegroupspecs.storage.talos"),
    columns=(("Name", "{.name}"),),
    proto="talos.resource.definitions.storage.LVMVolumeGroupSpecSpec",
)
class LVMVolumeGroupSpecSpec(Spec):
    """Spec of LVMVolumeGroupSpecs.storage.talos.dev."""

    name: str = ""
    physical_volumes: list[str] = []
