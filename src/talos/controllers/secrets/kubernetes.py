"""The kubeconfigs of the control plane's own clients: scheduler, controller manager, and the node as administrator."""

from __future__ import annotations

from datetime import datetime

from talos.controllers.secrets.pem import bundle, pair
from talos.controllers.secrets.renewal import Renewal, requeue_at_renewal, spec_or_none
from talos.controllers.time_sync import TIME_STATUS, time_is_synced
from talos.kubernetes import kubeconfig
from talos.pki.certificates import CLIENT_VALIDITY, Usage, issue_pair
from talos.resources.secrets import KubernetesCertsSpec, KubernetesRootSpec
from talos.state import Controller, Input, Output, Runtime

ID = "k8s-certs"
MASTERS = "system:masters"
SCHEDULER = "system:kube-scheduler"
CONTROLLER_MANAGER = "system:kube-controller-manager"


class KubernetesController(Controller):
    """KubernetesRootSecret -> KubernetesSecret "k8s-certs"."""

    name = "secrets.KubernetesController"
    inputs = (Input(KubernetesRootSpec, id="k8s"), TIME_STATUS)
    outputs = (Output(KubernetesCertsSpec),)

    def __init__(self) -> None:
        self._renewal = Renewal()

    async def reconcile(self, rt: Runtime) -> None:
        root = spec_or_none(await rt.get_or_none(KubernetesRootSpec, "k8s"))
        if root is None:
            await rt.keep_only(KubernetesCertsSpec, ())
            return
        if not await time_is_synced(rt):
            return
        made_from = (root.name, root.endpoint, root.local_endpoint, root.issuing_ca, root.accepted_cas)
        current = await rt.get_or_none(KubernetesCertsSpec, ID)
        if self._renewal.due(made_from, _leaves(current.spec) if current else [], rt.clock.now()):
            spec = control_plane_kubeconfigs(root, rt.clock.now())
            current = await rt.modify(KubernetesCertsSpec, ID, lambda _: spec)
            self._renewal.done(made_from)
        assert current is not None
        requeue_at_renewal(rt, *_leaves(current.spec))


def control_plane_kubeconfigs(root: KubernetesRootSpec, now: datetime) -> KubernetesCertsSpec:
    """All of them reach the API server by the local endpoint, except the administrator's for use outside."""

    def make(common_name: str, organization: str, user: str, server: str) -> str:
        client = issue_pair(
            pair(root.issuing_ca),
            common_name=common_name,
            organizations=[organization],
            usage=Usage.CLIENT,
            key_encipherment=True,
            validity=CLIENT_VALIDITY,
            now=now,
        )
        return kubeconfig.admin_kubeconfig(
            cluster=root.name,
            user=user,
            server=server,
            ca=bundle(root.accepted_cas),
            certificate=client.crt,
            key=client.key,
        )

    local = root.local_endpoint
    return KubernetesCertsSpec(
        scheduler_kubeconfig=make(SCHEDULER, SCHEDULER, SCHEDULER, local),
        controller_manager_kubeconfig=make(CONTROLLER_MANAGER, CONTROLLER_MANAGER, CONTROLLER_MANAGER, local),
        localhost_admin_kubeconfig=make("talos:admin", MASTERS, "admin", local),
        admin_kubeconfig=make("talos:admin", MASTERS, "admin", root.endpoint),
    )


def _leaves(spec: KubernetesCertsSpec) -> list[str]:
    configs = (
        spec.scheduler_kubeconfig,
        spec.controller_manager_kubeconfig,
        spec.localhost_admin_kubeconfig,
        spec.admin_kubeconfig,
    )
    return [kubeconfig.parse(text).certificate.decode() for text in configs if text]
