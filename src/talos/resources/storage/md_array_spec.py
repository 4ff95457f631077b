"""MDArraySpec: resource type MDArraySpecs.storage.talos.dev."""

from __future__ import annotations

from talos.resources.enums import MDLevel, MDMetadata
from talos.state.spec import Spec, resource


@resource(
    type="MDArraySpecs.storage.talos.dev",
    namespace="storage",
    display="MDArraySpec",
    aliases=("mdarrayspec", "mdas"),
    all_aliases=("mdarrayspecs", "mdarrayspecs.storage", "mdarrayspecs.storage.talos"),
    columns=(("Level", "{.level}"),),
    proto="talos.resource.definitions.storage.MDArraySpecSpec",
    forms={"volume_selector": "cel"},
)
class MDArraySpecSpec(Spec):
    """Spec of MDArraySpecs.storage.talos.dev."""

    level: MDLevel = MDLevel.RAID1
    volume_selector: str = ""
    metadata: MDMetadata = MDMetadata.V10
