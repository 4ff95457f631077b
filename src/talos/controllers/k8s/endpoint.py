"""Addresses of the Kubernetes API servers, as the cluster itself knows them."""

from __future__ import annotations

from talos.controllers.kubernetes_watch import CREDENTIALS, KubernetesWatch, Objects, Target, kubeconfig_of
from talos.controllers.publish import always
from talos.kubernetes.kinds import ENDPOINT_SLICE
from talos.resources.k8s import EndpointSpec
from talos.state import SHARED, Output, Runtime

ID = "kube-apiserver"


class EndpointController(KubernetesWatch):
    """EndpointSlices of the Service "kubernetes" -> Endpoint "kube-apiserver"."""

    name = "k8s.EndpointController"
    inputs = CREDENTIALS
    outputs = (Output(EndpointSpec, SHARED),)

    async def target(self, rt: Runtime) -> Target | None:
        kubeconfig = await kubeconfig_of(rt)
        if kubeconfig is None:
            return None
        return Target(kubeconfig, ENDPOINT_SLICE, "default", labels="kubernetes.io/service-name=kubernetes")

    async def publish(self, rt: Runtime, objects: Objects) -> None:
        addresses = {
            address
            for item in objects.values()
            for endpoint in item.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready") is not False
            for address in endpoint.get("addresses") or ()
        }
        if addresses:  # an empty list says that the API is about to go, not where it is
            await rt.modify(EndpointSpec, ID, always(EndpointSpec(addresses=sorted(addresses))))
