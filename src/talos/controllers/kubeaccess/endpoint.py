"""Publishes the machine API inside Kubernetes, as Service "talos" in the namespace "default"."""

from __future__ import annotations

from talos.controllers.kubeaccess.service import NAMESPACE, endpoint_slices, service
from talos.kubernetes import ApiError, Client, ConnectError
from talos.kubernetes.kinds import ENDPOINT_SLICE
from talos.resources.k8s import EndpointSpec
from talos.resources.kubeaccess import ConfigSpec
from talos.resources.secrets import KubernetesCertsSpec
from talos.state import Controller, Input, Runtime

FIELD_MANAGER = "talos"
RETRY_S = 2.0
RENEW_S = 60.0
"""how long it takes at most until what somebody removed is there again"""


class EndpointController(Controller):
    """KubernetesAccessConfig, Endpoint "kube-apiserver" → Service and EndpointSlices "talos"."""

    name = "kubeaccess.EndpointController"
    inputs = (
        Input(ConfigSpec, id="config"),
        Input(KubernetesCertsSpec, id="k8s-certs"),
        Input(EndpointSpec, id="kube-apiserver"),
    )

    async def reconcile(self, rt: Runtime) -> None:
        config = await rt.get_or_none(ConfigSpec, "config")
        certs = await rt.get_or_none(KubernetesCertsSpec, "k8s-certs")
        endpoint = await rt.get_or_none(EndpointSpec, "kube-apiserver")
        if config is None or not config.spec.enabled or certs is None or endpoint is None:
            return
        try:
            async with Client.from_kubeconfig(certs.spec.localhost_admin_kubeconfig) as client:
                # Before its slices: those of a Service that is not there are swept away.
                await client.apply(service(), FIELD_MANAGER)
                for name, item in endpoint_slices(endpoint.spec.addresses).items():
                    if item is None:
                        await client.delete(ENDPOINT_SLICE, name, NAMESPACE)
                    else:
                        await client.apply(item, FIELD_MANAGER)
        except (ApiError, ConnectError) as error:
            rt.log.debug("the machine API is not published in Kubernetes yet: %s", error)
            rt.requeue_after(RETRY_S)
            return
        rt.requeue_after(RENEW_S)
