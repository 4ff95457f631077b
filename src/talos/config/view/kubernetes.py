"""The control plane's Kubernetes components and their trust."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from talos.config import images
from talos.config.k8s.kube_admission_control_config import KubeAdmissionControlConfig
from talos.config.k8s.kube_aggregator_ca_config import KubeAggregatorCAConfig
from talos.config.k8s.kube_api_server_ca_config import KubeAPIServerCAConfig
from talos.config.k8s.kube_api_server_config import KubeAPIServerConfig
from talos.config.k8s.kube_audit_policy_config import KubeAuditPolicyConfig
from talos.config.k8s.kube_authentication_config import KubeAuthenticationConfig
from talos.config.k8s.kube_authorizer_config import KubeAuthorizerConfig
from talos.config.k8s.kube_controller_manager_config import KubeControllerManagerConfig
from talos.config.k8s.kube_core_dns_config import KubeCoreDNSConfig
from talos.config.k8s.kube_etcd_encryption_config import KubeEtcdEncryptionConfig
from talos.config.k8s.kube_proxy_config import KubeProxyConfig
from talos.config.k8s.kube_scheduler_config import KubeSchedulerConfig
from talos.config.k8s.kube_service_account_config import KubeServiceAccountConfig
from talos.config.v1alpha1.cluster import ClusterConfig
from talos.config.v1alpha1.config import V1Alpha1
from talos.config.v1alpha1.control_plane import APIServerConfig, ControllerManagerConfig, ProxyConfig, SchedulerConfig
from talos.config.view.model import (
    AdmissionPlugin,
    APIServer,
    Authority,
    Authorizer,
    CertificateAndKey,
    ControllerManager,
    CoreDNS,
    Proxy,
    Resources,
    Scheduler,
    ServiceAccount,
    Volume,
)

if TYPE_CHECKING:
    from talos.config.config import Config
    from talos.config.v1alpha1.control_plane import ResourcesConfig, VolumeMountConfig

# The host's trusted roots are always visible to the API server: OIDC issuers and webhooks need them.
CA_ROOTS = Volume("/etc/ssl/certs", "/etc/ssl/certs", True)


class KubernetesView:
    """``cfg.kubernetes``."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @cached_property
    def _section(self) -> ClusterConfig:
        document = self._config.get(V1Alpha1)
        return (document.cluster if document else None) or ClusterConfig()

    @property
    def _legacy(self) -> bool:
        return self._config.cluster.legacy

    @cached_property
    def ca(self) -> Authority:
        """Authority of the Kubernetes API: clients and servers; key on control plane nodes only."""
        if document := self._config.get(KubeAPIServerCAConfig):
            return _authority(document)
        ca = self._section.ca
        return Authority(
            CertificateAndKey(ca.crt, ca.key) if ca else None, tuple(c.crt for c in self._section.accepted_cas)
        )

    @cached_property
    def aggregator_ca(self) -> Authority:
        """Authority of the front proxy (aggregation layer)."""
        if document := self._config.get(KubeAggregatorCAConfig):
            return _authority(document)
        ca = self._section.aggregator_ca
        return Authority(CertificateAndKey(ca.crt, ca.key) if ca else None)

    @cached_property
    def service_account(self) -> ServiceAccount | None:
        """Issuer of service account tokens; None on workers."""
        if document := self._config.get(KubeServiceAccountConfig):
            return ServiceAccount(
                private_key=document.issuer.private_key.encode(),
                issuer_url=document.issuer.issuer_url,
                accepted_public_keys=tuple(k.encode() for k in document.accepted.public_keys),
                accepted_issuers=tuple(document.accepted.issuers),
                audiences=tuple(document.accepted.audiences),
            )
        if self._section.service_account is None:
            return None
        return ServiceAccount(self._section.service_account.key, self._config.cluster.endpoint)

    @cached_property
    def etcd_encryption(self) -> dict[str, Any] | None:
        """EncryptionConfiguration for kube-apiserver without apiVersion and kind; None = not encrypted."""
        if document := self._config.get(KubeEtcdEncryptionConfig):
            return document.config
        providers: list[dict[str, Any]] = []
        if self._section.secretbox_encryption_secret:
            key = {"name": "key2", "secret": self._section.secretbox_encryption_secret}
            providers.append({"secretbox": {"keys": [key]}})
        if self._section.aescbc_encryption_secret:
            key = {"name": "key1", "secret": self._section.aescbc_encryption_secret}
            providers.append({"aescbc": {"keys": [key]}})
        if not providers:
            return None
        return {"resources": [{"resources": ["secrets"], "providers": [*providers, {"identity": {}}]}]}

    @cached_property
    def api_server(self) -> APIServer | None:
        """kube-apiserver, None where it does not run."""
        if document := self._config.get(KubeAPIServerConfig):
            return APIServer(
                image=document.image,
                port=document.api_port or 6443,
                extra_args=document.extra_args,
                env=document.env,
                extra_volumes=(CA_ROOTS,),
                resources=Resources(document.resources.requests, document.resources.limits),
                cert_sans=tuple(document.cert_extra_sans),
                startup_probes=document.startup_probes is not False,
                inject_default_authorizers=False,
                use_authentication_config=True,
            )
        if not self._legacy:
            return None
        legacy = self._section.api_server or APIServerConfig()
        control_plane = self._section.control_plane
        return APIServer(
            image=legacy.image or images.kubernetes(images.KUBE_APISERVER),
            port=(control_plane.local_api_server_port if control_plane else 0) or 6443,
            extra_args=legacy.extra_args,
            env=legacy.env,
            extra_volumes=_volumes(legacy.extra_volumes),
            resources=_resources(legacy.resources),
            cert_sans=tuple(legacy.cert_sans),
            startup_probes=False,
            inject_default_authorizers=True,
            use_authentication_config=False,
        )

    @cached_property
    def controller_manager(self) -> ControllerManager | None:
        """kube-controller-manager, None where it does not run."""
        if document := self._config.get(KubeControllerManagerConfig):
            return ControllerManager(
                image=document.image,
                enabled=document.enabled is not False,
                extra_args=document.extra_args,
                env=document.env,
                resources=Resources(document.resources.requests, document.resources.limits),
            )
        if not self._legacy:
            return None
        legacy = self._section.controller_manager or ControllerManagerConfig()
        switch = self._control_plane_switch("controller_manager")
        return ControllerManager(
            image=legacy.image or images.kubernetes(images.KUBE_CONTROLLER_MANAGER),
            enabled=switch,
            extra_args=legacy.extra_args,
            env=legacy.env,
            extra_volumes=_volumes(legacy.extra_volumes),
            resources=_resources(legacy.resources),
        )

    @cached_property
    def scheduler(self) -> Scheduler | None:
        """kube-scheduler, None where it does not run."""
        if document := self._config.get(KubeSchedulerConfig):
            return Scheduler(
                image=document.image,
                enabled=document.enabled is not False,
                extra_args=document.extra_args,
                env=document.env,
                resources=Resources(document.resources.requests, document.resources.limits),
                config=document.config,
            )
        if not self._legacy:
            return None
        legacy = self._section.scheduler or SchedulerConfig()
        return Scheduler(
            image=legacy.image or images.kubernetes(images.KUBE_SCHEDULER),
            enabled=self._control_plane_switch("scheduler"),
            extra_args=legacy.extra_args,
            env=legacy.env,
            extra_volumes=_volumes(legacy.extra_volumes),
            resources=_resources(legacy.resources),
            config=legacy.config,
        )

    def _control_plane_switch(self, component: str) -> bool:
        document = self._config.get(V1Alpha1)
        section = document.machine.control_plane if document and document.machine else None
        part = getattr(section, component, None)
        return not (part and part.disabled)

    @cached_property
    def proxy(self) -> Proxy | None:
        """kube-proxy, None when the configuration does not deploy it."""
        if document := self._config.get(KubeProxyConfig):
            return Proxy(
                image=document.image or images.kubernetes(images.KUBE_PROXY),
                enabled=document.enabled is not False,
                mode=document.mode or "nftables",
                extra_args=document.extra_args,
                resources=Resources(document.resources.requests, document.resources.limits),
                config=document.config,
                use_config_file=True,
            )
        if not self._legacy:
            return None
        legacy = self._section.proxy or ProxyConfig()
        return Proxy(
            image=legacy.image or images.kubernetes(images.KUBE_PROXY),
            enabled=not legacy.disabled,
            mode=legacy.mode or "nftables",
            extra_args=legacy.extra_args,
            use_config_file=False,
        )

    @cached_property
    def core_dns(self) -> CoreDNS | None:
        """CoreDNS, None when the configuration does not deploy it."""
        if document := self._config.get(KubeCoreDNSConfig):
            return CoreDNS(document.image or images.COREDNS, document.enabled is not False)
        if not self._legacy:
            return None
        legacy = self._section.core_dns
        return CoreDNS((legacy.image if legacy else "") or images.COREDNS, not (legacy and legacy.disabled))

    @cached_property
    def admission_plugins(self) -> tuple[AdmissionPlugin, ...]:
        """Admission plugins with a configuration."""
        documents = [AdmissionPlugin(d.name, d.configuration) for d in self._config.get_all(KubeAdmissionControlConfig)]
        legacy = self._section.api_server.admission_control if self._section.api_server else []
        return tuple([AdmissionPlugin(p.name, p.configuration) for p in legacy] + documents)

    @cached_property
    def audit_policy(self) -> dict[str, Any]:
        """Audit policy; without one everything is recorded at the level Metadata."""
        if document := self._config.get(KubeAuditPolicyConfig):
            return document.configuration
        legacy = self._section.api_server.audit_policy if self._section.api_server else {}
        return legacy or {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}

    @cached_property
    def authentication_config(self) -> dict[str, Any] | None:
        """AuthenticationConfiguration without apiVersion and kind (KEP-3331); None = not used."""
        document = self._config.get(KubeAuthenticationConfig)
        return document.configuration if document else None

    @cached_property
    def authorizers(self) -> tuple[Authorizer, ...]:
        """Authorizers in order. Legacy configurations get Node and RBAC first (``inject_default_authorizers``)."""
        documents = [Authorizer(d.name, d.type, d.webhook) for d in self._config.get_all(KubeAuthorizerConfig)]
        legacy = self._section.api_server.authorization_config if self._section.api_server else []
        return tuple([Authorizer(a.name, a.type, a.webhook) for a in legacy] + documents)

    @property
    def pod_security_policy_disabled(self) -> bool:
        """Legacy switch without effect on current Kubernetes."""
        return bool(self._section.api_server and self._section.api_server.disable_pod_security_policy)


def _authority(document: KubeAPIServerCAConfig | KubeAggregatorCAConfig) -> Authority:
    issuing = document.issuing_ca
    return Authority(
        CertificateAndKey(issuing.cert.encode(), issuing.key.encode()) if issuing else None,
        tuple(c.encode() for c in document.accepted_cas),
    )


def _volumes(volumes: list[VolumeMountConfig]) -> tuple[Volume, ...]:
    return (CA_ROOTS, *(Volume(v.host_path, v.mount_path, v.readonly) for v in volumes))


def _resources(resources: ResourcesConfig | None) -> Resources:
    return Resources(resources.requests, resources.limits) if resources else Resources()
