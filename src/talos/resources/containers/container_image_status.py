"""ContainerImageStatus: resource type ContainerImageStatuses.containers.talos.dev."""

from __future__ import annotations

from talos.resources.enums import ContainerImagePhase
from talos.state.spec import Spec, resource


@resource(
    type="ContainerImageStatuses.containers.talos.dev",
    namespace="containers",
    display="ContainerImageStatus",
    aliases=("containerimagestatus", "containerimagestatuses", "containerimagestatus", "cis"),
    all_aliases=("containerimagestatuses.containers", "containerimagestatuses.containers.talos"),
    columns=(("Phase", "{.phase}"), ("Digest", "{.digest}")),
    proto="talos.resource.definitions.containers.ContainerImageStatusSpec",
    omit_empty=("digest", "error"),
)
class ContainerImageStatusSpec(Spec):
    """Spec of ContainerImageStatuses.containers.talos.dev."""

    phase: ContainerImagePhase = ContainerImagePhase.PENDING
    image: str = ""
    digest: str = ""
    error: str = ""
