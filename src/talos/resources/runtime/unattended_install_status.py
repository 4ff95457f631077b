"""UnattendedInstallStatus: resource type UnattendedInstallStatuses.runtime.talos.dev."""

from __future__ import annotations

from talos.resources.enums import UnattendedInstallPhase
from talos.state.spec import Spec, resource


@resource(
    type="UnattendedInstallStatuses.runtime.talos.dev",
    namespace="runtime",
    display="UnattendedInstallStatus",
    aliases=("unattendedinstallstatus", "uis"),
    all_aliases=(
        "unattendedinstallstatuses",
        "unattendedinstallstatuses.runtime",
        "unattendedinstallstatuses.runtime.talos",
    ),
    columns=(("Phase", "{.phase}"),),
    proto="talos.resource.definitions.runtime.UnattendedInstallStatusSpec",
    omit_empty=("image", "phase", "error"),
)
class UnattendedInstallStatusSpec(Spec):
    """Spec of UnattendedInstallStatuses.runtime.talos.dev."""

    image: str = ""
    phase: UnattendedInstallPhase = UnattendedInstallPhase.PENDING
    error: str = ""
