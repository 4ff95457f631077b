"""Definitions of a node's services, one a module. `definitions(env)` is what the supervisor of a node is given."""

from __future__ import annotations

from talos.machined.service import Service


def definitions() -> list[Service]:
    """All services a container node may run; which of them start decides the boot sequence."""
    from talos.machined.services import apid, containerd, cri, etcd, kubelet, machined, networkd, timed, trustd

    return [
        machined.Machined(),
        apid.Apid(),
        networkd.Networkd(),
        timed.Timed(),
        trustd.Trustd(),
        containerd.Containerd(),
        cri.Cri(),
        etcd.Etcd(),
        kubelet.Kubelet(),
    ]
