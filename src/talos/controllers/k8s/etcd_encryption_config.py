"""Encryption of Secrets in etcd, as the file that kube-apiserver reads."""

from __future__ import annotations

from talos.controllers.k8s.control_plane_files import encryption_config
from talos.resources.k8s import EtcdEncryptionConfigSpec
from talos.resources.secrets import KubernetesRootSpec
from talos.state import Controller, Input, Output, Runtime


class EtcdEncryptionConfigController(Controller):
    """KubernetesRootSecret -> EtcdEncryptionConfig "k8s"."""

    name = "k8s.EtcdEncryptionConfigController"
    inputs = (Input(KubernetesRootSpec, id="k8s"),)
    outputs = (Output(EtcdEncryptionConfigSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        root = await rt.get_or_none(KubernetesRootSpec, "k8s")
        if root is None:
            await rt.keep_only(EtcdEncryptionConfigSpec, ())
            return
        text = encryption_config(
            root.spec.etcd_encryption_config,
            secretbox=root.spec.secretbox_encryption_secret,
            aescbc=root.spec.aes_cbc_encryption_secret,
        )
        await rt.modify(EtcdEncryptionConfigSpec, "k8s", lambda _: EtcdEncryptionConfigSpec(configuration=text))
