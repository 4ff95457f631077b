"""Status of the static pods on this node, from their mirror pods."""

from __future__ import annotations

from talos.controllers.kubernetes_watch import CREDENTIALS, KubernetesWatch, Objects, Target, kubeconfig_of
from talos.controllers.publish import always
from talos.kubernetes.kinds import POD
from talos.resources.k8s import NodenameSpec, StaticPodStatusSpec
from talos.state import Input, Output, Runtime

MIRROR = "kubernetes.io/config.mirror"


class KubeletStaticPodController(KubernetesWatch):
    """Mirror pods of this node -> StaticPodStatuses ``<namespace>/<name>``."""

    name = "k8s.KubeletStaticPodController"
    inputs = (*CREDENTIALS, Input(NodenameSpec, id="nodename"))
    outputs = (Output(StaticPodStatusSpec),)

    async def target(self, rt: Runtime) -> Target | None:
        nodename = await rt.get_or_none(NodenameSpec, "nodename")
        kubeconfig = await kubeconfig_of(rt)
        if nodename is None or nodename.spec.skip_node_registration or kubeconfig is None:
            return None
        return Target(kubeconfig, POD, fields=f"spec.nodeName={nodename.spec.nodename}")

    async def publish(self, rt: Runtime, objects: Objects) -> None:
        ids = []
        for (namespace, name), pod in objects.items():
            if MIRROR not in (pod["metadata"].get("annotations") or {}):
                continue
            pod_id = f"{namespace}/{name}"
            ids.append(pod_id)
            status = StaticPodStatusSpec(pod_status=pod.get("status") or {})
            await rt.modify(StaticPodStatusSpec, pod_id, always(status))
        await rt.keep_only(StaticPodStatusSpec, ids)

    async def clear(self, rt: Runtime) -> None:
        await rt.keep_only(StaticPodStatusSpec, ())
