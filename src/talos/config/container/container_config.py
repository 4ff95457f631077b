"""ContainerConfig: A container that runs on the machine outside Kubernetes."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import field

from talos.config.document import Document, Part
from talos.config.forms import Int32, Kept, Known, Needed


class ContainerRunAs(Part, kw_only=True):
    """``runAs``."""

    uid: Int32 | None = None
    gid: Int32 | None = None


class UserVolumeMount(Part, kw_only=True):
    """``mounts.userVolume``."""

    name: Kept[str] = ""
    destination: Kept[str] = ""
    options: list[Annotated[str, Known("ro", "rw", "noexec", "nosuid", "nodev", "noatime", "rbind", "rshared")]] = (
        field(default_factory=list)
    )


class TmpfsMount(Part, kw_only=True):
    """``mounts.tmpfs``."""

    destination: Kept[str] = ""
    size: str = ""
    options: list[str] = field(default_factory=list)


class HostPathMount(Part, kw_only=True):
    """``mounts.hostPath``."""

    source: Kept[str] = ""
    destination: Kept[str] = ""
    options: list[str] = field(default_factory=list)


class ContainerMount(Part, kw_only=True):
    """``mounts``."""

    user_volume: UserVolumeMount | None = None
    tmpfs: TmpfsMount | None = None
    host_path: HostPathMount | None = None


class ContainerCapabilities(Part, kw_only=True):
    """``security.capabilities``."""

    add: list[str] = field(default_factory=list)
    drop: list[str] = field(default_factory=list)


class ContainerSecurity(Part, kw_only=True):
    """``security``."""

    profile: str = ""
    capabilities: ContainerCapabilities | None = None


class ContainerNetwork(Part, kw_only=True):
    """``network``."""

    mode: str = ""


class ContainerResourceLimits(Part, kw_only=True):
    """``resources.limits``."""

    cpu: str = ""
    memory: str = ""


class ContainerResources(Part, kw_only=True):
    """``resources``."""

    limits: ContainerResourceLimits | None = None


class ContainerDependsOn(Part, kw_only=True):
    """``dependsOn``."""

    paths: list[str] = field(default_factory=list)
    networks: list[Annotated[str, Known("addresses", "connectivity", "hostname", "etcfiles")]] = field(
        default_factory=list
    )
    time: bool | None = None
    containers: list[str] = field(default_factory=list)


class ContainerConfig(Document, kw_only=True):
    """A container that runs on the machine outside Kubernetes."""

    KIND: ClassVar[str] = "ContainerConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    image: Needed[Kept[str]] = ""
    entrypoint: list[str] = field(default_factory=list)
    args: list[str] = field(default_factory=list)
    working_dir: str = ""
    run_as: ContainerRunAs | None = None
    environment: list[str] = field(default_factory=list)
    mounts: list[ContainerMount] = field(default_factory=list)
    security: ContainerSecurity | None = None
    network: ContainerNetwork | None = None
    resources: ContainerResources | None = None
    depends_on: ContainerDependsOn | None = None
