"""ContainerSpec: resource type ContainerSpecs.containers.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.containers.container_network import ContainerNetworkSpec
from talos.resources.containers.container_resources import ContainerResourcesSpec
from talos.resources.containers.container_run_as import ContainerRunAsSpec
from talos.resources.containers.container_security import ContainerSecuritySpec
from talos.state.spec import Part, Spec, part, resource


@part(omit_empty=("ref",))
class ContainerImageSpec(Part):
    """Message ContainerImageSpec of the wire contract."""

    ref: str = ""


@part(omit_empty=("volume_id", "source", "size", "options"))
class ContainerMountSpec(Part):
    """Message ContainerMountSpec of the wire contract."""

    kind: str = ""
    volume_id: str = msgspec.field(default="", name="volumeID")
    source: str = ""
    destination: str = ""
    size: int = 0
    options: list[str] = []


@part(omit_empty=("paths", "networks", "time", "containers"))
class ContainerDependsOnSpec(Part):
    """Message ContainerDependsOnSpec of the wire contract."""

    paths: list[str] = []
    networks: list[str] = []
    time: bool = False
    containers: list[str] = []


@resource(
    type="ContainerSpecs.containers.talos.dev",
    namespace="containers",
    display="ContainerSpec",
    aliases=("containerspec", "containerspecs", "containerspec", "cs"),
    all_aliases=("containerspecs.containers", "containerspecs.containers.talos"),
    columns=(("Image", "{.image.ref}"),),
    proto="talos.resource.definitions.containers.ContainerSpecSpec",
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
        "depends_on",
    ),
)
class ContainerSpecSpec(Spec):
    """Spec of ContainerSpecs.containers.talos.dev."""

    image: ContainerImageSpec = msgspec.field(default_factory=ContainerImageSpec)
    entrypoint: list[str] = []
    args: list[str] = []
    working_dir: str = ""
    run_as: ContainerRunAsSpec | None = None
    environment: list[str] = []
    mounts: list[ContainerMountSpec] = []
    security: ContainerSecuritySpec | None = None
    network: ContainerNetworkSpec | None = None
    resources: ContainerResourcesSpec | None = None
    depends_on: ContainerDependsOnSpec | None = None
