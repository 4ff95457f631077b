"""EtcdEncryptionConfig: resource type EtcdEncryptionConfigs.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="EtcdEncryptionConfigs.kubernetes.talos.dev",
    namespace="k8s",
    display="EtcdEncryptionConfig",
    aliases=("etcdencryptionconfig", "eec", "eecs"),
    all_aliases=("etcdencryptionconfigs", "etcdencryptionconfigs.kubernetes", "etcdencryptionconfigs.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.EtcdEncryptionConfigSpec",
    sensitive=True,
)
class EtcdEncryptionConfigSpec(Spec):
    """Spec of EtcdEncryptionConfigs.kubernetes.talos.dev."""

    configuration: str = ""
