"""``machine.kubelet`` of the v1alpha1 document."""

from __future__ import annotations

from msgspec import field

from talos.config.document import Part
from talos.config.forms import ArgValue, Kept, UInt32, Unstructured


class LinuxIDMapping(Part, kw_only=True):
    """``machine.kubelet.extraMounts.uidMappings``."""

    container_id: Kept[UInt32] = field(default=0, name="containerID")
    host_id: Kept[UInt32] = field(default=0, name="hostID")
    size: Kept[UInt32] = 0


class ExtraMount(Part, kw_only=True):
    """``machine.kubelet.extraMounts``."""

    destination: Kept[str] = ""
    type: str = ""
    source: str = ""
    options: list[str] = field(default_factory=list)
    uid_mappings: list[LinuxIDMapping] = field(default_factory=list)
    gid_mappings: list[LinuxIDMapping] = field(default_factory=list)


class KubeletNodeIPConfig(Part, kw_only=True):
    """``machine.kubelet.nodeIP``."""

    valid_subnets: list[str] = field(default_factory=list)


class KubeletConfig(Part, kw_only=True):
    """``machine.kubelet``."""

    image: str = ""
    cluster_dns: list[str] = field(default_factory=list, name="clusterDNS")
    extra_args: dict[str, ArgValue] = field(default_factory=dict)
    extra_mounts: list[ExtraMount] = field(default_factory=list)
    extra_config: Unstructured = field(default_factory=dict)
    credential_provider_config: Unstructured = field(default_factory=dict)
    default_runtime_seccomp_profile_enabled: bool | None = None
    register_with_fqdn: bool | None = field(default=None, name="registerWithFQDN")
    node_ip: KubeletNodeIPConfig | None = field(default=None, name="nodeIP")
    skip_node_registration: bool | None = None
    disable_manifests_directory: bool | None = None
