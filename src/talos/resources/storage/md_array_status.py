"""MDArrayStatus: resource type MDArrayStatuses.storage.talos.dev."""

from __future__ import annotations

from talos.resources.enums import MDArrayPhase, MDLevel
from talos.state.spec import Spec, resource


@resource(
    type="MDArrayStatuses.storage.talos.dev",
    namespace="storage",
    display="MDArrayStatus",
    aliases=("mdarraystatus", "mdas"),
    all_aliases=("mdarraystatuses", "mdarraystatuses.storage", "mdarraystatuses.storage.talos"),
    columns=(("Level", "{.level}"), ("Status", "{.status}"), ("Sync", "{.syncAction}"), ("Device", "{.device}")),
    proto="talos.resource.definitions.storage.MDArrayStatusSpec",
    omit_empty=("error", "uuid", "name", "metadata", "array_state", "sync_action"),
)
class MDArrayStatusSpec(Spec):
    """Spec of MDArrayStatuses.storage.talos.dev."""

    level: MDLevel = MDLevel.RAID1
    device: str = ""
    members: list[str] = []
    error: str = ""
    status: MDArrayPhase = MDArrayPhase.UNKNOWN
    raid_devices: int = 0
    uuid: str = ""
    name: str = ""
    metadata: str = ""
    array_state: str = ""
    sync_action: str = ""
