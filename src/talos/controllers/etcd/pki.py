"""etcd's keys and certificates as files, which etcd reads again at each handshake."""

from __future__ import annotations

from talos.controllers.files_on_disk import write_directory
from talos.etcd.arguments import PKI_PATH
from talos.resources.etcd import PKIStatusSpec
from talos.resources.secrets import EtcdCertsSpec, EtcdRootSpec
from talos.state import Controller, Input, Output, Runtime

ETCD_UID = 60


class PKIController(Controller):
    """EtcdRootSecret, EtcdSecret -> files of /system/secrets/etcd, PKIStatus "etcd"."""

    name = "etcd.PKIController"
    inputs = (Input(EtcdRootSpec, id="etcd"), Input(EtcdCertsSpec, id="etcd"))
    outputs = (Output(PKIStatusSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        root = await rt.get_or_none(EtcdRootSpec, "etcd")
        certs = await rt.get_or_none(EtcdCertsSpec, "etcd")
        if root is None or certs is None:
            await rt.keep_only(PKIStatusSpec, ())
            return
        ca, spec = root.spec.etcd_ca, certs.spec
        files = {
            "ca.crt": ca.crt,
            "ca.key": ca.key,
            "server.crt": spec.etcd.crt,
            "server.key": spec.etcd.key,
            "peer.crt": spec.etcd_peer.crt,
            "peer.key": spec.etcd_peer.key,
            "admin.crt": spec.etcd_admin.crt,
            "admin.key": spec.etcd_admin.key,
        }
        contents = {name: text.encode() for name, text in files.items()}
        write_directory(rt.env.path(PKI_PATH), contents, uid=ETCD_UID, directory_mode=0o700)
        status = PKIStatusSpec(ready=True, version=str(certs.md.version))
        await rt.modify(PKIStatusSpec, "etcd", lambda _: status)
