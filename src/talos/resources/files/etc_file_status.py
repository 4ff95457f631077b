"""EtcFileStatus: resource type EtcFileStatuses.files.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="EtcFileStatuses.files.talos.dev",
    namespace="files",
    display="EtcFileStatus",
    aliases=("etcfilestatus", "efs"),
    all_aliases=("etcfilestatuses", "etcfilestatuses.files", "etcfilestatuses.files.talos"),
    proto="talos.resource.definitions.files.EtcFileStatusSpec",
)
class EtcFileStatusSpec(Spec):
    """Spec of EtcFileStatuses.files.talos.dev."""

    spec_version: str = ""
