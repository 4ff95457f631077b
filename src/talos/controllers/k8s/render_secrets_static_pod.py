"""Secrets of the control plane's static pods, as files."""

from __future__ import annotations

from talos.controllers.files_on_disk import write_directory
from talos.controllers.k8s.control_plane_files import (
    Directory,
    api_server_secrets,
    controller_manager_secrets,
    scheduler_secrets,
)
from talos.controllers.k8s.versions import Versions
from talos.controllers.secrets.pem import bundle
from talos.resources.k8s import EtcdEncryptionConfigSpec, SecretsStatusSpec
from talos.resources.secrets import (
    EtcdCertsSpec,
    EtcdRootSpec,
    KubernetesCertsSpec,
    KubernetesDynamicCertsSpec,
    KubernetesRootSpec,
)
from talos.state import Controller, Input, Output, Runtime

ID = "static-pods"


class RenderSecretsStaticPodController(Controller):
    """Secrets of etcd and Kubernetes -> /system/secrets/kubernetes/…, SecretStatus "static-pods"."""

    name = "k8s.RenderSecretsStaticPodController"
    inputs = (
        Input(KubernetesRootSpec, id="k8s"),
        Input(KubernetesCertsSpec, id="k8s-certs"),
        Input(KubernetesDynamicCertsSpec, id="k8s-dynamic-certs"),
        Input(EtcdRootSpec, id="etcd"),
        Input(EtcdCertsSpec, id="etcd"),
        Input(EtcdEncryptionConfigSpec, id="k8s"),
    )
    outputs = (Output(SecretsStatusSpec),)

    def __init__(self) -> None:
        self._versions = Versions("secrets")

    async def reconcile(self, rt: Runtime) -> None:
        root = await rt.get_or_none(KubernetesRootSpec, "k8s")
        if root is None:
            await rt.keep_only(SecretsStatusSpec, ())
            return
        certs = await rt.get_or_none(KubernetesCertsSpec, "k8s-certs")
        dynamic = await rt.get_or_none(KubernetesDynamicCertsSpec, "k8s-dynamic-certs")
        etcd_root = await rt.get_or_none(EtcdRootSpec, "etcd")
        etcd = await rt.get_or_none(EtcdCertsSpec, "etcd")
        encryption = await rt.get_or_none(EtcdEncryptionConfigSpec, "k8s")
        if certs is None or dynamic is None or etcd_root is None or etcd is None or encryption is None:
            return
        rendered = directories(root.spec, certs.spec, dynamic.spec, etcd_root.spec, etcd.spec, encryption.spec)
        for directory in rendered:
            write_directory(rt.env.path(directory.path), directory.files, uid=directory.uid)
        identity = (root.spec, etcd_root.spec, encryption.spec)
        version = self._versions.number(rt.env, [sorted(d.files.items()) for d in rendered], identity=identity)
        await rt.modify(SecretsStatusSpec, ID, lambda _: SecretsStatusSpec(ready=True, version=version))


def directories(
    root: KubernetesRootSpec,
    certs: KubernetesCertsSpec,
    dynamic: KubernetesDynamicCertsSpec,
    etcd_root: EtcdRootSpec,
    etcd: EtcdCertsSpec,
    encryption: EtcdEncryptionConfigSpec,
) -> list[Directory]:
    """Files of the three pods."""
    ca = bundle(root.accepted_cas)
    account_key = root.service_account.key.encode()
    api_server = {
        "etcd-client-ca.crt": etcd_root.etcd_ca.crt.encode(),
        "etcd-client.crt": etcd.etcd_api_server.crt.encode(),
        "etcd-client.key": etcd.etcd_api_server.key.encode(),
        "ca.crt": ca,
        # Clients that know only an older authority can follow the chain from the certificate.
        "apiserver.crt": dynamic.api_server.crt.encode() + root.issuing_ca.crt.encode(),
        "apiserver.key": dynamic.api_server.key.encode(),
        "apiserver-kubelet-client.crt": dynamic.api_server_kubelet_client.crt.encode(),
        "apiserver-kubelet-client.key": dynamic.api_server_kubelet_client.key.encode(),
        "service-account.key": account_key,
        "service-account.pub": "".join(k.key for k in root.service_account_accepted_keys).encode(),
        "aggregator-ca.crt": bundle(root.accepted_aggregator_cas),
        "front-proxy-client.crt": dynamic.front_proxy.crt.encode(),
        "front-proxy-client.key": dynamic.front_proxy.key.encode(),
        "encryptionconfig.yaml": encryption.configuration.encode(),
    }
    manager = {
        "ca.crt": ca,
        "ca.key": root.issuing_ca.key.encode(),
        "service-account.key": account_key,
        "kubeconfig": certs.controller_manager_kubeconfig.encode(),
    }
    scheduler = {"kubeconfig": certs.scheduler_kubeconfig.encode()}
    return [api_server_secrets(api_server), controller_manager_secrets(manager), scheduler_secrets(scheduler)]
