"""The Kubernetes API server's own certificates, which depend on the node's names and addresses."""

from __future__ import annotations

from datetime import datetime

from talos.controllers.secrets.pem import pair, resource_pair
from talos.controllers.secrets.renewal import Renewal, requeue_at_renewal, spec_or_none
from talos.controllers.time_sync import TIME_STATUS, time_is_synced
from talos.pki.certificates import CLIENT_VALIDITY, Usage, issue_pair
from talos.resources.secrets import CertSANSpec, KubernetesDynamicCertsSpec, KubernetesRootSpec
from talos.state import Controller, Input, Output, Runtime

ID = "k8s-dynamic-certs"


class KubernetesDynamicCertsController(Controller):
    """KubernetesRootSecret, CertSAN "k8s" -> KubernetesDynamicCerts."""

    name = "secrets.KubernetesDynamicCertsController"
    inputs = (Input(KubernetesRootSpec, id="k8s"), Input(CertSANSpec, id="k8s"), TIME_STATUS)
    outputs = (Output(KubernetesDynamicCertsSpec),)

    def __init__(self) -> None:
        self._renewal = Renewal()

    async def reconcile(self, rt: Runtime) -> None:
        root = spec_or_none(await rt.get_or_none(KubernetesRootSpec, "k8s"))
        if root is None:
            await rt.keep_only(KubernetesDynamicCertsSpec, ())
            return
        sans = spec_or_none(await rt.get_or_none(CertSANSpec, "k8s"))
        if sans is None or not await time_is_synced(rt):
            return
        made_from = (root.issuing_ca, root.aggregator_ca, sans)
        current = await rt.get_or_none(KubernetesDynamicCertsSpec, ID)
        if self._renewal.due(made_from, _leaves(current.spec) if current else [], rt.clock.now()):
            spec = dynamic_certificates(root, sans, rt.clock.now())
            current = await rt.modify(KubernetesDynamicCertsSpec, ID, lambda _: spec)
            self._renewal.done(made_from)
        assert current is not None
        requeue_at_renewal(rt, *_leaves(current.spec))


def dynamic_certificates(root: KubernetesRootSpec, sans: CertSANSpec, now: datetime) -> KubernetesDynamicCertsSpec:
    """API server, API server as client of kubelets, front proxy."""
    authority = pair(root.issuing_ca)
    api_server = issue_pair(
        authority,
        common_name="kube-apiserver",
        organizations=["kube-master"],
        dns_names=sans.dns_names,
        ip_addresses=sans.ips,
        usage=Usage.SERVER,
        key_encipherment=True,
        validity=CLIENT_VALIDITY,
        now=now,
    )
    kubelet_client = issue_pair(
        authority,
        common_name="apiserver-kubelet-client",
        organizations=["system:masters"],
        usage=Usage.CLIENT,
        key_encipherment=True,
        validity=CLIENT_VALIDITY,
        now=now,
    )
    front_proxy = issue_pair(
        pair(root.aggregator_ca),
        common_name="front-proxy-client",
        usage=Usage.CLIENT,
        key_encipherment=True,
        validity=CLIENT_VALIDITY,
        now=now,
    )
    return KubernetesDynamicCertsSpec(
        api_server=resource_pair(api_server),
        api_server_kubelet_client=resource_pair(kubelet_client),
        front_proxy=resource_pair(front_proxy),
    )


def _leaves(spec: KubernetesDynamicCertsSpec) -> list[str]:
    return [spec.api_server.crt, spec.api_server_kubelet_client.crt, spec.front_proxy.crt]
