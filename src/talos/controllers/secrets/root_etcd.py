"""etcd's authority, from the configuration of a control plane node."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.transform import ConfigTransform
from talos.resources.pem import CertificateAndKey
from talos.resources.secrets import EtcdRootSpec
from talos.state import Output


class RootEtcdController(ConfigTransform):
    """MachineConfig -> EtcdRootSecret "etcd"."""

    name = "secrets.RootEtcdController"
    outputs = (Output(EtcdRootSpec),)
    kind = EtcdRootSpec
    id = "etcd"

    def render(self, config: Config) -> EtcdRootSpec | None:
        authority = config.cluster.etcd.ca
        if not config.machine.is_control_plane or authority is None or not authority.key:
            return None
        return EtcdRootSpec(etcd_ca=CertificateAndKey(crt=authority.crt.decode(), key=authority.key.decode()))
