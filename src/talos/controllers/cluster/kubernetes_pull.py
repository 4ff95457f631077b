"""Reads the other members from Kubernetes."""

from __future__ import annotations

from talos.controllers.cluster.affiliate_merge import RAW
from talos.controllers.cluster.annotations import affiliate_of
from talos.controllers.kubernetes_watch import CREDENTIALS, KubernetesWatch, Objects, Target, kubeconfig_of
from talos.controllers.publish import always
from talos.kubernetes.kinds import NODE
from talos.resources.cluster import AffiliateSpec, ConfigSpec
from talos.state import SHARED, Input, Output, Runtime

PREFIX = "k8s/"


class KubernetesPullController(KubernetesWatch):
    """Nodes -> Affiliates of cluster-raw, ``k8s/<node id>``."""

    name = "cluster.KubernetesPullController"
    inputs = (*CREDENTIALS, Input(ConfigSpec, id="cluster"))
    outputs = (Output(AffiliateSpec, SHARED),)

    async def target(self, rt: Runtime) -> Target | None:
        discovery = await rt.get_or_none(ConfigSpec, "cluster")
        kubeconfig = await kubeconfig_of(rt)
        if discovery is None or not discovery.spec.registry_kubernetes_enabled or kubeconfig is None:
            return None
        return Target(kubeconfig, NODE)

    async def publish(self, rt: Runtime, objects: Objects) -> None:
        ids = []
        for node in objects.values():
            affiliate = affiliate_of(node)
            if affiliate is None:
                continue
            affiliate_id = PREFIX + affiliate.node_id
            ids.append(affiliate_id)
            await rt.modify(AffiliateSpec, affiliate_id, always(affiliate), namespace=RAW)
        await rt.keep_only(AffiliateSpec, ids, namespace=RAW)

    async def clear(self, rt: Runtime) -> None:
        await rt.keep_only(AffiliateSpec, (), namespace=RAW)
