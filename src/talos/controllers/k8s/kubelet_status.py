"""Which kubelet runs."""

from __future__ import annotations

from talos.resources.k8s import KubeletSpecSpec, KubeletStatusSpec
from talos.resources.v1alpha1 import ServiceSpec
from talos.state import Controller, Input, Output, Runtime


class KubeletStatusController(Controller):
    """KubeletSpec, Service kubelet -> KubeletStatus "kubelet"."""

    name = "k8s.KubeletStatusController"
    inputs = (Input(KubeletSpecSpec, id="kubelet"), Input(ServiceSpec, id="kubelet"))
    outputs = (Output(KubeletStatusSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        spec = await rt.get_or_none(KubeletSpecSpec, "kubelet")
        service = await rt.get_or_none(ServiceSpec, "kubelet")
        if spec is None or service is None or not service.spec.running:
            await rt.keep_only(KubeletStatusSpec, ())
            return
        await rt.modify(KubeletStatusSpec, "kubelet", lambda _: KubeletStatusSpec(image=spec.spec.image))
