"""The kubelet's settings, from the configuration."""

from __future__ import annotations

from typing import Any

import msgspec

from talos.config import Config
from talos.controllers.etcd.config import arg_values
from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.resources.k8s import ArgValues, KubeletConfigSpec, StaticPodServerStatusSpec
from talos.resources.proto import Mount
from talos.state import Controller, Input, Output, Runtime

SERVER_STATUS = "static-pod-server-status"


class KubeletConfigController(Controller):
    """MachineConfig, StaticPodServerStatus -> KubeletConfig "kubelet"."""

    name = "k8s.KubeletConfigController"
    inputs = (ACTIVE_CONFIG, Input(StaticPodServerStatusSpec, id=SERVER_STATUS))
    outputs = (Output(KubeletConfigSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        if config is None or config.kubelet.spec is None:
            await rt.keep_only(KubeletConfigSpec, ())
            return
        server = await rt.get_or_none(StaticPodServerStatusSpec, SERVER_STATUS)
        if server is None:
            return
        spec = kubelet_config(config, server.spec.url)
        await rt.modify(KubeletConfigSpec, "kubelet", lambda _: spec)


def kubelet_config(config: Config, static_pod_url: str) -> KubeletConfigSpec:
    """What the configuration says of the kubelet, with defaults filled in."""
    kubelet, cluster, node = config.kubelet.spec, config.cluster, config.kubelet.node
    assert kubelet is not None
    return KubeletConfigSpec(
        image=kubelet.image,
        cluster_dns=list(kubelet.cluster_dns or cluster.dns_service_ips),
        cluster_domain=cluster.dns_domain,
        extra_args={name: ArgValues(values=v.values) for name, v in arg_values(kubelet.extra_args).items()},
        extra_mounts=[_mount(m) for m in kubelet.extra_mounts],
        extra_config=kubelet.extra_config,
        cloud_provider_external=cluster.external_cloud_provider,
        default_runtime_seccomp_enabled=kubelet.seccomp_default,
        skip_node_registration=node.skip_registration,
        static_pod_list_url=static_pod_url,
        disable_manifests_directory=kubelet.disable_manifests_directory,
        enable_fs_quota_monitoring=config.machine.disk_quota,
        credential_provider_config=kubelet.credential_provider_config,
        register_with_taints=dict(node.taints),
    )


def _mount(mount: dict[str, Any]) -> Mount:
    return msgspec.convert({k.lower(): v for k, v in mount.items()}, Mount, strict=False)
