"""Definitions of a node's services, one a module. `definitions()` is what the supervisor of a node is given.

They are made before the API answers: what a service needs only when it starts or is asked for its health (HTTP/2,
Kubernetes, disks) it imports there.
"""

from __future__ import annotations

from talos.machined.service import Service


def definitions() -> list[Service]:
    """All services a container node may run; which of them start decides the boot sequence."""
    from talos.machined.services import (
        apid,
        containerd,
        cri,
        etcd,
        kubelet,
        machined,
        networkd,
        registryd,
        timed,
        trustd,
    )

    return [
        machined.Machined(),
        apid.Apid(),
        networkd.Networkd(),
        timed.Timed(),
        trustd.Trustd(),
        registryd.Registryd(),
        containerd.Containerd(),
        cri.Cri(),
        etcd.Etcd(),
        kubelet.Kubelet(),
    ]
