"""The kubelet's arguments and files.

The files are written before KubeletSpec appears, because its appearance is what starts the kubelet: its configuration,
the authority it trusts, a kubeconfig that holds the bootstrap token, and its identity (`kubelet_identity`).
"""

from __future__ import annotations

from talos.controllers.files_on_disk import write_file
from talos.controllers.k8s import kubelet_identity
from talos.controllers.k8s.kubelet_configuration import (
    BOOTSTRAP_KUBECONFIG,
    CA_FILE,
    CONFIG_FILE,
    CREDENTIAL_PROVIDER_CONFIG,
    KubeletSettings,
    kubelet_arguments,
    kubelet_configuration,
    parse_taint,
)
from talos.controllers.secrets.pem import bundle, pair
from talos.environment import NodeEnvironment
from talos.kubernetes import ApiError, ConnectError
from talos.kubernetes.kubeconfig import bootstrap_kubeconfig, dump
from talos.resources.block import VolumeStatusSpec
from talos.resources.config import MachineTypeSpec
from talos.resources.enums import MachineType, VolumePhase
from talos.resources.k8s import KubeletConfigSpec, KubeletSpecSpec, NodeIPSpec, NodenameSpec
from talos.resources.secrets import KubeletSpec as KubeletSecretSpec
from talos.resources.secrets import KubernetesRootSpec
from talos.state import Controller, Input, Output, Runtime

VOLUME = "KUBELET"
JOIN_RETRY_S = 0.25
CGROUP_V2_MARK = "/sys/fs/cgroup/cgroup.controllers"


class KubeletSpecController(Controller):
    """KubeletConfig, KubeletSecret, Nodename, NodeIP -> /etc/kubernetes/…, KubeletSpec "kubelet"."""

    name = "k8s.KubeletSpecController"
    inputs = (
        Input(KubeletConfigSpec, id="kubelet"),
        Input(KubeletSecretSpec, id="kubelet"),
        Input(NodenameSpec, id="nodename"),
        Input(NodeIPSpec, id="kubelet"),
        Input(MachineTypeSpec, id="machine-type"),
        Input(KubernetesRootSpec, id="k8s"),
        Input(VolumeStatusSpec, id=VOLUME),
    )
    outputs = (Output(KubeletSpecSpec),)

    def __init__(self) -> None:
        self._said = ""

    async def reconcile(self, rt: Runtime) -> None:
        config = await rt.get_or_none(KubeletConfigSpec, "kubelet")
        if config is None:
            await rt.keep_only(KubeletSpecSpec, ())
            return
        secret = await rt.get_or_none(KubeletSecretSpec, "kubelet")
        nodename = await rt.get_or_none(NodenameSpec, "nodename")
        ips = await rt.get_or_none(NodeIPSpec, "kubelet")
        machine_type = await rt.get_or_none(MachineTypeSpec, "machine-type")
        if secret is None or nodename is None or ips is None or machine_type is None:
            return
        spec = kubelet_spec(
            config.spec,
            nodename.spec.nodename,
            ips.spec.addresses,
            control_plane=machine_type.spec.type is not MachineType.WORKER,
            env=rt.env,
        )
        write_files(rt.env, spec, secret.spec)
        kubelet_identity.ensure_serving(rt.env, nodename.spec.nodename, rt.clock.now())
        if not config.spec.skip_node_registration and not await self._identified(rt, nodename.spec, secret.spec):
            return
        await rt.modify(KubeletSpecSpec, "kubelet", lambda _: spec)

    async def _identified(self, rt: Runtime, nodename: NodenameSpec, secret: KubeletSecretSpec) -> bool:
        """Whether the kubelet may start: it has, or will get at its first try, its client certificate."""
        volume = await rt.get_or_none(VolumeStatusSpec, VOLUME)
        if volume is None or volume.spec.phase is not VolumePhase.READY:
            return False
        now, authorities = rt.clock.now(), [c.crt.encode() for c in secret.accepted_cas]
        if not kubelet_identity.usable(rt.env, nodename.nodename, authorities, now):
            running = await rt.get_or_none(KubeletSpecSpec, "kubelet") is not None
            if running and not kubelet_identity.distrusted(rt.env, authorities):
                return True  # it runs already: renewing its identity is its own business
            # Where the authority was replaced, it cannot: its request would not be accepted. The service restarts it
            # when the kubeconfig holds the new authority.
            kubelet_identity.forget(rt.env)
            root = await rt.get_or_none(KubernetesRootSpec, "k8s")
            if root is not None:
                kubelet_identity.issue(rt.env, nodename.nodename, pair(root.spec.issuing_ca), now)
            elif not await self._join(rt, nodename.nodename):
                rt.requeue_after(JOIN_RETRY_S)
                return False
        kubelet_identity.write_kubeconfig(rt.env, secret, bundle(secret.accepted_cas))
        return True

    async def _join(self, rt: Runtime, nodename: str) -> bool:
        try:
            await kubelet_identity.request(rt.env, nodename, rt.clock.now())
        except PermissionError:
            raise  # a person denied it: the controller's back-off asks again, slowly
        except (ConnectError, ApiError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            if reason != self._said:
                self._said = reason
                rt.log.info("cannot join Kubernetes yet: %s", reason)
            return False
        return True


def kubelet_spec(
    config: KubeletConfigSpec, nodename: str, node_ips: list[str], *, control_plane: bool, env: NodeEnvironment
) -> KubeletSpecSpec:
    """Arguments and configuration. DeniedArgumentError, ProtectedFieldError."""
    settings = KubeletSettings(
        nodename=nodename,
        node_ips=node_ips,
        control_plane=control_plane,
        cluster_dns=config.cluster_dns,
        cluster_domain=config.cluster_domain,
        static_pod_url=config.static_pod_list_url,
        extra_args={name: value.values for name, value in config.extra_args.items()},
        extra_config=config.extra_config,
        taints={key: parse_taint(text) for key, text in config.register_with_taints.items()},
        seccomp_default=config.default_runtime_seccomp_enabled,
        manifests_directory=not config.disable_manifests_directory,
        quota_monitoring=config.enable_fs_quota_monitoring,
        external_cloud_provider=config.cloud_provider_external,
        skip_registration=config.skip_node_registration,
        credential_providers=bool(config.credential_provider_config),
        in_container=env.in_container,
        cgroup_v1=not env.path(CGROUP_V2_MARK).exists(),
        may_lower_oom_score=not env.lacks_sys_resource,
    )
    return KubeletSpecSpec(
        image=config.image,
        args=kubelet_arguments(settings),
        extra_mounts=config.extra_mounts,
        expected_nodename="" if config.skip_node_registration else nodename,
        config=kubelet_configuration(settings),
        credential_provider_config=config.credential_provider_config,
    )


def write_files(env: NodeEnvironment, spec: KubeletSpecSpec, secret: KubeletSecretSpec) -> None:
    """Everything that the arguments name and that the kubelet does not make itself."""
    ca = bundle(secret.accepted_cas)
    if secret.bootstrap_token_id:
        text = bootstrap_kubeconfig(
            server=secret.endpoint,
            server_name=secret.endpoint_tls_server_name,
            ca=ca,
            token=f"{secret.bootstrap_token_id}.{secret.bootstrap_token_secret}",
        )
        write_file(env.path(BOOTSTRAP_KUBECONFIG), text.encode(), mode=0o600)
    write_file(env.path(CA_FILE), ca, mode=0o400)
    env.path(CA_FILE).parent.chmod(0o700)
    if spec.credential_provider_config:
        write_file(env.path(CREDENTIAL_PROVIDER_CONFIG), dump(spec.credential_provider_config).encode(), mode=0o600)
    write_file(env.path(CONFIG_FILE), dump(spec.config).encode(), mode=0o600)
