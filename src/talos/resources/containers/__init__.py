"""Resource types of the domain containers."""

from __future__ import annotations

from talos.resources.containers.container_image_status import ContainerImageStatusSpec
from talos.resources.containers.container_instance_spec import ContainerInstanceSpecSpec, ResolvedMountSpec
from talos.resources.containers.container_network import ContainerNetworkSpec
from talos.resources.containers.container_resources import ContainerResourcesSpec
from talos.resources.containers.container_run_as import ContainerRunAsSpec
from talos.resources.containers.container_security import ContainerSecuritySpec
from talos.resources.containers.container_spec import (
    ContainerDependsOnSpec,
    ContainerImageSpec,
    ContainerMountSpec,
    ContainerSpecSpec,
)

__all__ = [
    "ContainerDependsOnSpec",
    "ContainerImageSpec",
    "ContainerImageStatusSpec",
    "ContainerInstanceSpecSpec",
    "ContainerMountSpec",
    "ContainerNetworkSpec",
    "ContainerResourcesSpec",
    "ContainerRunAsSpec",
    "ContainerSecuritySpec",
    "ContainerSpecSpec",
    "ResolvedMountSpec",
]
