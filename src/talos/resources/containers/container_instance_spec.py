"""ContainerInstanceSpec: resource type ContainerInstanceSpecs.containers.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.containers.container_network import ContainerNetworkSpec
from talos.resources.containers.container_resources import ContainerResourcesSpec
from talos.resources.containers.container_run_as import ContainerRunAsSpec
from talos.resources.containers.container_security import ContainerSecuritySpec
from talos.state.spec import Part, Spec, part, resource


@part(omit_empty=("source", "size", "options"))
class ResolvedMountSpec(Part):
    """Message ResolvedMountSpec of the wire contract."""

    kind: str = ""
    source: str = ""
    destination: str = ""
    size: int = 0
    options: list[str] = []


@resource(
    type="ContainerInstanceSpecs.containers.talos.dev",
    namespace="containers",
    display="ContainerInstanceSpec",
    aliases=("containerinstancespec", "containerinstancespecs", "containerinstancespec", "cis"),
    all_aliases=("containerinstancespecs.containers", "containerinstancespecs.containers.talos"),
    columns=(("Container", "{.containerID}"), ("Generation", "{.generation}"), ("Image", "{.image}")),
    proto="talos.resource.definitions.containers.ContainerInstanceSpecSpec",
    omit_empty=(
        "entrypoint",
        "args",
        "working_dir",
        "run_as",
        "environment",
        "mounts",
        "security",
        "network",
        "resources",
    ),
)
class ContainerInstanceSpecSpec(Spec):
    """Spec of ContainerInstanceSpecs.containers.talos.dev."""

    container_id: str = msgspec.field(default="", name="containerID")
    generation: int = 0
    image: str = ""
    entrypoint: list[str] = []
    args: list[str] = []
    working_dir: str = ""
    run_as: ContainerRunAsSpec | None = None
    environment: list[str] = []
    mounts: list[ResolvedMountSpec] = []
    security: ContainerSecuritySpec | None = None
    network: ContainerNetworkSpec | None = None
    resources: ContainerResourcesSpec | None = None
