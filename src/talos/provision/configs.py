"""Secrets and machine configurations of a local cluster.

Beyond the defaults of `gen config`, a local cluster contacts no address outside itself: no discovery service, no time
server (this host, where machines' clocks begin wrong), and its only resolver is the bridge, where nobody listens; the
host DNS of each node answers what is local and refuses the rest at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from talos.provision.model import NodeModel

from talos.provision.image_cache import ServedCache

# Documents as patches, so that everything a person gives with --config-patch* comes after and wins.
_LOCAL_PATCH = """\
apiVersion: v1alpha1
kind: TimeSyncConfig
{time}
---
apiVersion: v1alpha1
kind: ResolverConfig
nameservers: [{nameservers}]
---
apiVersion: v1alpha1
kind: DiscoveryServiceConfig
name: default
$patch: delete
"""


def local_patch(nameservers: Iterable[str], time_server: str = "") -> str:
    """What every local cluster's configuration has: these resolvers, and nothing that is asked outside of it."""
    addresses = ", ".join(f"{{address: {server}}}" for server in nameservers)
    time = f"enabled: true\nntp: {{servers: [{time_server}]}}" if time_server else "enabled: false"
    return _LOCAL_PATCH.format(nameservers=addresses, time=time)


def json_logs_patch(url: str) -> str:
    """Services send their logs there, the kernel its own."""
    return f"""\
machine:
  logging:
    destinations:
    - endpoint: {url}
      format: json_lines
---
apiVersion: v1alpha1
kind: KmsgLogConfig
name: json-logs
url: {url}
"""


DEBUG_PATCH = "debug: true\n"
"""Services log to the node's consoles too."""


@dataclass(frozen=True, slots=True)
class ConfigOptions:
    """What the command line may change."""

    dns_domain: str = "cluster.local"
    talos_version: str = ""
    patches: tuple[str, ...] = ()
    control_plane_patches: tuple[str, ...] = ()
    worker_patches: tuple[str, ...] = ()
    registry_mirrors: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    """registries whose certificate is not checked"""
    image_cache: ServedCache | None = None
    """images that this host serves to the nodes"""
    nameservers: tuple[str, ...] = ()
    """none: the bridge"""
    control_plane_port: int = 6443
    kube_prism_port: int = 7445
    cni_urls: tuple[str, ...] = ()
    """manifests of another container network than flannel"""
    kubernetes: bool = True
    """False: the nodes run neither Kubernetes nor etcd"""
    init_node: bool = False
    """the first node is of the type init: it founds etcd unasked"""
    install_image: str = ""
    """of the installer, named in the configuration; "": the default of machines, none for containers"""
    encrypted: tuple[str, ...] = ()
    """volumes of the system that are encrypted; on machines"""
    encryption_keys: tuple[str, ...] = ()
    """key types, one for each key slot (talos.provision.flag_documents.KEYS)"""
    user_volumes: tuple[tuple[tuple[str, int], ...], ...] = ()
    """of machines: for each disk of the user its volumes, name and bytes"""
    encrypt_user_volumes: bool = False
    """with the keys of the others"""
    virtual_ip: str = ""
    """shared address of the control plane nodes, which the Kubernetes API is reached by"""
    json_logs: bool = False
    """services' logs are sent to a receiver on the bridge (talos.provision.log_receiver)"""
    debug: bool = False
    """services log to the nodes' consoles"""
    firewall: str = ""
    """accept or block: what happens to packets that no rule lets in; "": there is no firewall"""
    wireguard: str = ""
    """network in which every node has an address on a WireGuard link to all others; "": there is none"""

    @property
    def encrypts(self) -> bool:
        """Whether any volume is."""
        return bool(self.encrypted or (self.encrypt_user_volumes and self.user_volumes))


@dataclass(frozen=True, slots=True)
class GeneratedConfigs:
    """Configurations and the talosconfig of os:admin, all as YAML text."""

    by_role: dict[str, str]
    talosconfig: str
    init: str = ""
    """of the first node, where it is of the type init"""
    by_node: dict[str, str] = field(default_factory=dict)
    """by name, where each node has one of its own; there is none by role then"""

    def of(self, node: NodeModel) -> str:
        """Configuration of a node."""
        if self.by_node:
            return self.by_node[node.name]
        return self.init if self.init and node.index == 1 else self.by_role[node.role]
