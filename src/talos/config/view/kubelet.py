"""kubelet and this machine's registration as a node."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from talos.config import images
from talos.config.k8s.kube_credential_provider_config import KubeCredentialProviderConfig
from talos.config.k8s.kube_node_config import KubeNodeConfig
from talos.config.k8s.kube_static_pod_config import KubeStaticPodConfig
from talos.config.k8s.kubelet_config import KubeletConfig
from talos.config.v1alpha1.config import V1Alpha1
from talos.config.v1alpha1.kubelet import KubeletConfig as LegacyKubeletConfig
from talos.config.v1alpha1.machine import MachineConfig
from talos.config.view.model import Kubelet, KubernetesNode

if TYPE_CHECKING:
    from talos.config.config import Config

LABEL_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


class KubeletView:
    """``cfg.kubelet``."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @cached_property
    def _machine(self) -> MachineConfig:
        document = self._config.get(V1Alpha1)
        return (document.machine if document else None) or MachineConfig()

    @property
    def runs(self) -> bool:
        """Whether there is one at all."""
        return self._config.get(KubeletConfig) is not None or self._config.cluster.legacy

    @cached_property
    def spec(self) -> Kubelet | None:
        """kubelet settings; None when the configuration runs no kubelet."""
        provider = self._config.get(KubeCredentialProviderConfig)
        credentials: dict[str, Any] = provider.configuration if provider else {}
        if document := self._config.get(KubeletConfig):
            return Kubelet(
                image=document.image,
                cluster_dns=tuple(document.cluster_dns),
                extra_args=document.extra_args,
                extra_config=document.config,
                seccomp_default=bool(document.default_runtime_seccomp_profile_enabled),
                disable_manifests_directory=True,
                credential_provider_config=credentials,
            )
        if not self.runs:
            return None
        legacy = self._machine.kubelet or LegacyKubeletConfig()
        return Kubelet(
            image=legacy.image or images.kubernetes(images.KUBELET),
            cluster_dns=tuple(legacy.cluster_dns),
            extra_args=legacy.extra_args,
            extra_mounts=tuple(msgspec.to_builtins(m) for m in legacy.extra_mounts),
            extra_config=legacy.extra_config,
            seccomp_default=bool(legacy.default_runtime_seccomp_profile_enabled),
            disable_manifests_directory=bool(legacy.disable_manifests_directory),
            credential_provider_config=credentials or legacy.credential_provider_config,
        )

    @cached_property
    def node(self) -> KubernetesNode:
        """Registration, labels, annotations, taints and node IP subnets."""
        machine = self._machine
        if document := self._config.get(KubeNodeConfig):
            return KubernetesNode(
                skip_registration=bool(document.skip_node_registration),
                register_with_fqdn=bool(document.register_with_fqdn),
                valid_subnets=tuple(document.node_ip.valid_subnets),
                labels={**machine.node_labels, **document.labels},
                annotations={**machine.node_annotations, **document.annotations},
                taints={**machine.node_taints, **document.taints},
            )
        if not self.runs:
            return KubernetesNode()
        labels, taints = dict(machine.node_labels), dict(machine.node_taints)
        if self._config.machine.is_control_plane:
            labels = {LABEL_CONTROL_PLANE: "", **labels}
            if not self._config.cluster.allow_scheduling_on_control_planes:
                taints = {LABEL_CONTROL_PLANE: "NoSchedule", **taints}
        legacy = machine.kubelet
        return KubernetesNode(
            skip_registration=bool(legacy and legacy.skip_node_registration),
            register_with_fqdn=bool(legacy and legacy.register_with_fqdn),
            valid_subnets=tuple(legacy.node_ip.valid_subnets) if legacy and legacy.node_ip else (),
            labels=labels,
            annotations=dict(machine.node_annotations),
            taints=taints,
        )

    @cached_property
    def static_pods(self) -> tuple[dict[str, Any], ...]:
        """Static pods of the user, as pod manifests."""
        return (*self._machine.pods, *(d.pod for d in self._config.get_all(KubeStaticPodConfig)))
