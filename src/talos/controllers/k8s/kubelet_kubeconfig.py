"""Notices when the kubelet has its own kubeconfig, and when it changes: from then on the node can ask Kubernetes."""

from __future__ import annotations

import hashlib

from talos.controllers.k8s.kubelet_configuration import KUBECONFIG
from talos.linux.inotify import IN_CLOSE_WRITE, IN_DELETE, IN_MOVED_TO, Inotify
from talos.resources.k8s import KubeletKubeconfigSpec
from talos.state import Controller, Output, Runtime


class KubeletKubeconfigController(Controller):
    """/etc/kubernetes/kubeconfig-kubelet -> KubeletKubeconfig "kubelet"."""

    name = "k8s.KubeletKubeconfigController"
    outputs = (Output(KubeletKubeconfigSpec),)

    async def run(self, rt: Runtime) -> None:
        path = rt.env.path(KUBECONFIG)
        path.parent.mkdir(parents=True, exist_ok=True)
        watch = Inotify()
        try:
            watch.add(path.parent, IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE)
            while True:
                await self.publish(rt)
                await watch.wait()
        finally:
            watch.close()

    async def publish(self, rt: Runtime) -> None:
        """Bring the resource in line with the file."""
        try:
            content = rt.env.path(KUBECONFIG).read_bytes()
        except FileNotFoundError:
            content = b""
        if not content:
            await rt.keep_only(KubeletKubeconfigSpec, ())
            return
        spec = KubeletKubeconfigSpec(hash=hashlib.sha256(content).hexdigest())
        await rt.modify(KubeletKubeconfigSpec, "kubelet", lambda _: spec)
