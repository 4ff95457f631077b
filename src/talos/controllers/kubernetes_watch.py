"""Controllers that follow objects in Kubernetes: a list, a watch, and back to the list when it breaks.

The API server is often not there (before bootstrap, while a control plane restarts), which is no failure of the
controller: it asks again after a short while, without log noise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from talos.controllers.k8s.kubelet_configuration import KUBECONFIG
from talos.kubernetes import ApiError, Client, ConnectError, Kind
from talos.resources.k8s import KubeletKubeconfigSpec
from talos.resources.secrets import KubernetesCertsSpec
from talos.state import Controller, Input, Runtime

Objects = Mapping[tuple[str, str], dict[str, Any]]

RETRY_S = 0.5

ADMIN = Input(KubernetesCertsSpec, id="k8s-certs")
NODE_IDENTITY = Input(KubeletKubeconfigSpec, id="kubelet")
CREDENTIALS = (ADMIN, NODE_IDENTITY)
"""inputs of every controller that calls `kubeconfig_of`"""


class Target(NamedTuple):
    """What to follow, as whom. Two equal targets are one watch."""

    kubeconfig: str
    kind: Kind
    namespace: str = ""
    labels: str | None = None
    fields: str | None = None


async def kubeconfig_of(rt: Runtime) -> str | None:
    """The administrator's kubeconfig on control plane nodes, else the kubelet's; None while there is neither."""
    certs = await rt.get_or_none(KubernetesCertsSpec, "k8s-certs")
    if certs is not None:
        return certs.spec.localhost_admin_kubeconfig
    if await rt.get_or_none(KubeletKubeconfigSpec, "kubelet") is None:
        return None
    try:
        return str(rt.env.path(KUBECONFIG).read_text())
    except FileNotFoundError:
        return None


class KubernetesWatch(Controller):
    """Override target and publish; `inputs` must hold CREDENTIALS."""

    inputs: ClassVar[tuple[Input, ...]] = CREDENTIALS

    async def target(self, rt: Runtime) -> Target | None:
        """What to follow now; None: nothing."""
        raise NotImplementedError(f"{type(self).__name__} does not override target")

    async def publish(self, rt: Runtime, objects: Objects) -> None:
        """Bring outputs in line with the objects; called at first and after each change."""
        raise NotImplementedError(f"{type(self).__name__} does not override publish")

    async def clear(self, rt: Runtime) -> None:
        """Nothing is to be followed any more."""

    async def run(self, rt: Runtime) -> None:
        task: asyncio.Task[Any] | None = None
        followed: Target | None = None
        async for _ in rt.events():
            target = await self.target(rt)
            if target == followed and (target is None or task is not None):
                continue
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                task = None
            followed = target
            if target is None:
                await self.clear(rt)
            else:
                task = rt.spawn(self._follow(rt, target), name=f"{self.name}/watch")

    async def _follow(self, rt: Runtime, target: Target) -> None:
        while True:
            try:
                async with Client.from_kubeconfig(target.kubeconfig) as client:
                    snapshots = client.snapshots(
                        target.kind, target.namespace, labels=target.labels, fields=target.fields
                    )
                    async for objects in snapshots:
                        await self.publish(rt, objects)
            except (ApiError, ConnectError, OSError, ValueError) as error:
                # OSError, ValueError: the kubelet's certificate is being replaced, its files are read again.
                rt.log.debug("the watch ended: %s", error)
            await rt.clock.sleep(RETRY_S)
