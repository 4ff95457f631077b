"""What a person decides about a new cluster; everything else is a default."""

from __future__ import annotations

from datetime import datetime

import msgspec

from talos import versions
from talos.config import images
from talos.config.config import Config
from talos.config.errors import ConfigError
from talos.config.forms import URL
from talos.config.kubernetes_version import check_supported
from talos.config.secrets import Bundle
from talos.config.version_contract import VersionContract
from talos.config.view.model import MachineType

POD_SUBNETS = {4: "10.244.0.0/16", 6: "fc00:db8:10::/56"}
SERVICE_SUBNETS = {4: "10.96.0.0/12", 6: "fc00:db8:20::/112"}
"""the defaults by family"""


class RegistryMirror(msgspec.Struct, frozen=True):
    """Mirror endpoints of a registry host."""

    registry: str
    endpoints: tuple[str, ...]


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that configurations of a cluster are generated from. Raises ConfigError for what cannot be."""

    cluster_name: str
    endpoint: URL
    secrets: Bundle
    talos_version: str = versions.TALOS_VERSION
    kubernetes_version: str = versions.DEFAULT_KUBERNETES_VERSION
    install_disk: str = "/dev/sda"  # empty: no installation (containers)
    install_image: str = images.INSTALLER
    additional_sans: tuple[str, ...] = ()
    dns_domain: str = "cluster.local"
    pod_subnets: tuple[str, ...] = (POD_SUBNETS[4],)
    service_subnets: tuple[str, ...] = (SERVICE_SUBNETS[4],)
    registry_mirrors: tuple[RegistryMirror, ...] = ()
    kubespan: bool = False
    cluster_discovery: bool = True
    kubernetes: bool = True
    """False: neither Kubernetes nor etcd runs on the machines"""
    talosconfig_endpoints: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        from talos.config.generate.endpoint import check_endpoint

        check_endpoint(self.endpoint)
        check_supported(self.kubernetes_version)
        if self.kubespan and not self.cluster_discovery:
            raise ConfigError("KubeSpan finds its peers by cluster discovery: leave it on, or KubeSpan off")
        contract = self.contract
        if not self.kubernetes and not contract.multi_document:
            raise ConfigError(f"machines of Talos {contract} always run Kubernetes: v1.14 and later can do without it")

    @property
    def contract(self) -> VersionContract:
        """Layout and features of the Talos version that the configuration is for."""
        return VersionContract.parse(self.talos_version)

    def config(self, machine_type: MachineType, *, init: bool = False) -> Config:
        """Configuration of a machine of that type; `init`: a control plane machine that founds etcd unasked."""
        if self.contract.multi_document:
            from talos.config.generate.documents import documents
        else:
            from talos.config.generate.legacy import documents
        made = Config(documents(self, machine_type))
        if init:
            from talos.config.patch import apply_patches

            return apply_patches(made, ["machine: {type: init}\n"])
        return made

    def talosconfig(self, *, roles: tuple[str, ...] = ("os:admin",), now: datetime | None = None) -> str:
        """YAML of a client configuration with one context named as the cluster."""
        from talos.config.generate.talosconfig import talosconfig

        return talosconfig(self, roles=roles, now=now)
