"""The bootstrap manifests as resources."""

from __future__ import annotations

from talos.controllers.publish import always
from talos.kubernetes import manifests
from talos.kubernetes.manifests.settings import ContainerResources, CoreDNS, Flannel, Proxy, Settings
from talos.resources.k8s import BootstrapManifestsConfigSpec, ManifestSpec, Resources
from talos.resources.secrets import KubernetesRootSpec
from talos.state import SHARED, Controller, Input, Output, Runtime


class ManifestController(Controller):
    """BootstrapManifestsConfig, KubernetesRootSecret -> Manifests."""

    name = "k8s.ManifestController"
    inputs = (Input(BootstrapManifestsConfigSpec, id="manifests"), Input(KubernetesRootSpec, id="k8s"))
    outputs = (Output(ManifestSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await rt.get_or_none(BootstrapManifestsConfigSpec, "manifests")
        root = await rt.get_or_none(KubernetesRootSpec, "k8s")
        if config is None or root is None:
            await rt.keep_only(ManifestSpec, ())
            return
        rendered = manifests.render(settings(config.spec, root.spec))
        for manifest, objects in rendered.items():
            await rt.modify(ManifestSpec, manifest, always(ManifestSpec(items=objects)))
        await rt.keep_only(ManifestSpec, rendered)


def settings(config: BootstrapManifestsConfigSpec, root: KubernetesRootSpec) -> Settings:
    """The library's settings from our resources."""
    proxy = Proxy(
        image=config.proxy_image,
        args=config.proxy_args,
        config=config.proxy_config,
        checksum=config.proxy_config_checksum,
        resources=_resources(config.proxy_resources),
    )
    flannel = Flannel(
        image=config.flannel_image,
        service_host=config.flannel_kube_service_host,
        service_port=config.flannel_kube_service_port,
        backend_type=config.flannel_backend_type,
        backend_port=config.flannel_backend_port,
        backend_mtu=config.flannel_backend_mtu,
        backend_extra=config.flannel_backend_extra_config,
        extra_args=config.flannel_extra_args,
        resources=_resources(config.flannel_resources),
        network_policies_image=config.flannel_kube_network_policies_image
        if config.flannel_kube_network_policies_enabled
        else "",
    )
    service_ips = [ip for ip in (config.dns_service_ip, config.dns_service_ipv6) if ip]
    return Settings(
        server=config.server,
        cluster_domain=config.cluster_domain,
        pod_cidrs=config.pod_cidrs,
        token_id=root.bootstrap_token_id,
        token_secret=root.bootstrap_token_secret,
        proxy=proxy if config.proxy_enabled else None,
        flannel=flannel if config.flannel_enabled else None,
        core_dns=CoreDNS(config.core_dns_image, service_ips) if config.core_dns_enabled else None,
        talos_api_service=config.talos_api_service_enabled,
    )


def _resources(resources: Resources) -> ContainerResources:
    return ContainerResources(resources.requests, resources.limits)
