"""Static pods of the user, from the configuration."""

from __future__ import annotations

from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.controllers.publish import publish
from talos.resources.k8s import StaticPodSpec
from talos.state import SHARED, Controller, Output, Runtime


class StaticPodConfigController(Controller):
    """MachineConfig -> StaticPods, by ``<namespace>-<name>``."""

    name = "k8s.StaticPodConfigController"
    inputs = (ACTIVE_CONFIG,)
    outputs = (Output(StaticPodSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        desired = {}
        for pod in config.kubelet.static_pods if config is not None else ():
            metadata = pod.get("metadata") or {}
            name = metadata.get("name")
            if not name:
                raise ValueError("a static pod of the machine configuration has no metadata.name; give it one")
            desired[f"{metadata.get('namespace', 'default')}-{name}"] = StaticPodSpec(pod=pod)
        await publish(rt, StaticPodSpec, desired)
