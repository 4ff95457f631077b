"""Registers this node in Kubernetes, by annotations of its Node."""

from __future__ import annotations

from talos.controllers.cluster.annotations import annotations_of
from talos.controllers.kubernetes_watch import CREDENTIALS, kubeconfig_of
from talos.kubernetes import ApiError, Client, ConnectError
from talos.kubernetes.kinds import NODE
from talos.resources.cluster import AffiliateSpec, ConfigSpec, IdentitySpec
from talos.resources.k8s import NodeStatusSpec
from talos.state import Controller, Input, Runtime

RETRY_S = 2.0


class KubernetesPushController(Controller):
    """Affiliate of this node, NodeStatus -> annotations of its Node."""

    name = "cluster.KubernetesPushController"
    inputs = (
        *CREDENTIALS,
        Input(ConfigSpec, id="cluster"),
        Input(IdentitySpec, id="local"),
        Input(AffiliateSpec),
        Input(NodeStatusSpec),
    )

    async def reconcile(self, rt: Runtime) -> None:
        discovery = await rt.get_or_none(ConfigSpec, "cluster")
        identity = await rt.get_or_none(IdentitySpec, "local")
        kubeconfig = await kubeconfig_of(rt)
        if discovery is None or not discovery.spec.registry_kubernetes_enabled or identity is None:
            return
        local = await rt.get_or_none(AffiliateSpec, identity.spec.node_id)
        if local is None or not local.spec.nodename or kubeconfig is None:
            return
        status = await rt.get_or_none(NodeStatusSpec, local.spec.nodename)
        if status is None:
            return  # not registered as a node yet
        missing = {k: v for k, v in annotations_of(local.spec).items() if status.spec.annotations.get(k) != v}
        if not missing:
            return
        try:
            async with Client.from_kubeconfig(kubeconfig) as client:
                await client.patch(NODE, local.spec.nodename, {"metadata": {"annotations": missing}})
        except (ApiError, ConnectError) as error:
            rt.log.debug("not registered: %s", error)
            rt.requeue_after(RETRY_S)
