"""The server certificate of trustd, on control plane nodes."""

from __future__ import annotations

from talos.controllers.secrets.pem import pair, resource_pair
from talos.controllers.secrets.renewal import Renewal, requeue_at_renewal, spec_or_none
from talos.controllers.time_sync import TIME_STATUS, time_is_synced
from talos.pki.certificates import Usage, issue_pair
from talos.resources.secrets import CertSANSpec, OSRootSpec, TrustdCertsSpec
from talos.state import Controller, Input, Output, Runtime


class TrustdController(Controller):
    """OSRootSecret, CertSAN -> TrustdCertificate "trustd"."""

    name = "secrets.TrustdController"
    inputs = (Input(OSRootSpec, id="os"), Input(CertSANSpec, id="api"), TIME_STATUS)
    outputs = (Output(TrustdCertsSpec),)

    def __init__(self) -> None:
        self._renewal = Renewal()

    async def reconcile(self, rt: Runtime) -> None:
        root = spec_or_none(await rt.get_or_none(OSRootSpec, "os"))
        if root is None or not root.issuing_ca.key:
            await rt.keep_only(TrustdCertsSpec, ())
            return
        sans = spec_or_none(await rt.get_or_none(CertSANSpec, "api"))
        if sans is None or not await time_is_synced(rt):
            return
        current = await rt.get_or_none(TrustdCertsSpec, "trustd")
        made_from = (root, sans)
        if self._renewal.due(made_from, [current.spec.server.crt] if current else [], rt.clock.now()):
            server = issue_pair(
                pair(root.issuing_ca),
                common_name=sans.fqdn,
                dns_names=sans.dns_names,
                ip_addresses=sans.ips,
                usage=Usage.SERVER,
                key_encipherment=True,
                now=rt.clock.now(),
            )
            spec = TrustdCertsSpec(accepted_cas=root.accepted_cas, server=resource_pair(server))
            current = await rt.modify(TrustdCertsSpec, "trustd", lambda _: spec)
            self._renewal.done(made_from)
        assert current is not None
        requeue_at_renewal(rt, current.spec.server.crt)
