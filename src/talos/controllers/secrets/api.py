"""The certificates of the node's API (apid).

- A control plane node issues them itself: a server certificate, and a client certificate whose role os:impersonator
  lets it forward calls to other nodes in the caller's name.
- A worker has no authority's key: it asks trustd of a control plane node, showing the machine token. It gets a server
  certificate only, so it cannot forward.
- A node without configuration shows a certificate of its own making and asks its clients for none.
"""

from __future__ import annotations

from talos.config import Config
from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.controllers.secrets.certificate_request import request_certificate
from talos.controllers.secrets.pem import bundle, certificates, pair, resource_pair
from talos.controllers.secrets.renewal import Renewal, requeue_at_renewal, spec_or_none
from talos.controllers.time_sync import TIME_STATUS, time_is_synced
from talos.pki import keys
from talos.pki.certificates import Pair, Usage, issue_pair
from talos.pki.keys import Algorithm
from talos.pki.requests import new_request
from talos.resources.k8s import EndpointSpec
from talos.resources.secrets import APICertsSpec, CertSANSpec, MaintenanceRootSpec, OSRootSpec
from talos.state import Controller, Input, Output, Runtime

IMPERSONATOR = "os:impersonator"


class APIController(Controller):
    """OSRootSecret, CertSAN, Endpoints (workers) or MaintenanceRootSecret -> ApiCertificate "api"."""

    name = "secrets.APIController"
    inputs = (
        ACTIVE_CONFIG,
        Input(OSRootSpec, id="os"),
        Input(CertSANSpec, id="api"),
        Input(CertSANSpec, id="maintenance"),
        Input(MaintenanceRootSpec, id="maintenance"),
        Input(EndpointSpec),
        TIME_STATUS,
    )
    outputs = (Output(APICertsSpec),)

    def __init__(self) -> None:
        self._renewal = Renewal()

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        if config is None or not config.machine.configured:
            await self._maintenance(rt)
        else:
            await self._configured(rt, config)

    async def _maintenance(self, rt: Runtime) -> None:
        root = spec_or_none(await rt.get_or_none(MaintenanceRootSpec, "maintenance"))
        sans = spec_or_none(await rt.get_or_none(CertSANSpec, "maintenance"))
        if root is None or sans is None:
            return
        made_from = ("maintenance", root, sans)
        if await self._due(rt, made_from):
            server = issue_pair(
                pair(root.ca),
                common_name=sans.fqdn,
                dns_names=sans.dns_names,
                ip_addresses=sans.ips,
                usage=Usage.SERVER,
                now=rt.clock.now(),
            )
            spec = APICertsSpec(server=resource_pair(server), skip_verifying_client_cert=True)
            await self._publish(rt, made_from, spec)
        await self._requeue(rt)

    async def _configured(self, rt: Runtime, config: Config) -> None:
        root = spec_or_none(await rt.get_or_none(OSRootSpec, "os"))
        sans = spec_or_none(await rt.get_or_none(CertSANSpec, "api"))
        if root is None or sans is None or not await time_is_synced(rt):
            return
        made_from = ("configured", root, sans, config.machine.type)
        if await self._due(rt, made_from):
            if root.issuing_ca.key:
                spec = self._issue(rt, root, sans)
            else:
                spec = await self._request(rt, root, sans)
            await self._publish(rt, made_from, spec)
        await self._requeue(rt)

    def _issue(self, rt: Runtime, root: OSRootSpec, sans: CertSANSpec) -> APICertsSpec:
        authority, now = pair(root.issuing_ca), rt.clock.now()
        server = issue_pair(
            authority,
            common_name=sans.fqdn,
            dns_names=sans.dns_names,
            ip_addresses=sans.ips,
            usage=Usage.SERVER,
            now=now,
        )
        client = issue_pair(authority, common_name=sans.fqdn, organizations=[IMPERSONATOR], usage=Usage.CLIENT, now=now)
        return APICertsSpec(accepted_cas=root.accepted_cas, server=resource_pair(server), client=resource_pair(client))

    async def _request(self, rt: Runtime, root: OSRootSpec, sans: CertSANSpec) -> APICertsSpec:
        endpoints = control_plane_hosts([e.spec for e in await rt.list(EndpointSpec)])
        if not endpoints:
            raise ValueError("no control plane address is known to request the API certificate from")
        key = keys.encode(keys.generate(Algorithm.ED25519))
        csr = new_request(key, common_name=sans.fqdn, dns_names=sans.dns_names, ip_addresses=sans.ips)
        ca, crt = await request_certificate(endpoints, root.token, csr, bundle(root.accepted_cas))
        accepted = certificates([ca, *(c.crt.encode() for c in root.accepted_cas)])
        return APICertsSpec(accepted_cas=accepted, server=resource_pair(Pair(crt, key)))

    async def _due(self, rt: Runtime, made_from: object) -> bool:
        current = await rt.get_or_none(APICertsSpec, "api")
        leaves = [current.spec.server.crt] if current else []
        return self._renewal.due(made_from, leaves, rt.clock.now())

    async def _publish(self, rt: Runtime, made_from: object, spec: APICertsSpec) -> None:
        await rt.modify(APICertsSpec, "api", lambda _: spec)
        self._renewal.done(made_from)

    async def _requeue(self, rt: Runtime) -> None:
        current = await rt.get(APICertsSpec, "api")
        requeue_at_renewal(rt, current.spec.server.crt)


def control_plane_hosts(endpoints: list[EndpointSpec]) -> list[str]:
    """Addresses and names of control plane nodes, addresses first, each once."""
    addresses = [a for e in endpoints for a in e.addresses]
    hosts = [h for e in endpoints for h in e.hosts]
    return list(dict.fromkeys([*addresses, *hosts]))
