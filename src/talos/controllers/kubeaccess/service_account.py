"""Gives pods certificates for the machine API: each ServiceAccount of the group talos.dev gets a Secret.

One control plane node does it at a time, held together by a lock in etcd. Two that do it at once for a moment (a lease
that ran out) harm nobody: both find that the other's Secret serves. Only Secrets of allowed namespaces are watched:
those of others are nobody's business here, and may be many.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

from grpclib import GRPCError

from talos.controllers.etcd.member import client_of
from talos.controllers.kubeaccess.account import (
    FILE,
    SERVICE_ACCOUNT,
    Object,
    Refusal,
    Rules,
    owned_by,
    owners,
    roles_of,
    secret_of,
)
from talos.controllers.secrets.pem import bundle, pair
from talos.etcd.client import EtcdUnavailableError
from talos.etcd.lock import lock
from talos.kubernetes import ApiError, Client, ConnectError
from talos.kubernetes.kinds import SECRET
from talos.resources.etcd import SpecSpec
from talos.resources.kubeaccess import ConfigSpec
from talos.resources.secrets import EtcdCertsSpec, EtcdRootSpec, KubernetesCertsSpec, OSRootSpec
from talos.state import Controller, Input, Runtime

LOCK = "talos:v1:serviceAccountCRDController"
COMPONENT = "talos-sa-controller"
RETRY_S = 2.0
RENEW_S = 60.0
"""how often every account is looked at, because certificates grow old"""
SYNCED = Refusal("Synced", "Synced successfully")

Key = tuple[str, str]


class CRDController(Controller):
    """KubernetesAccessConfig, OSRootSecret, ServiceAccounts in Kubernetes → Secrets in Kubernetes."""

    name = "kubeaccess.CRDController"
    inputs = (
        Input(ConfigSpec, id="config"),
        Input(KubernetesCertsSpec, id="k8s-certs"),
        Input(OSRootSpec, id="os"),
        Input(SpecSpec, id="etcd"),
        Input(EtcdRootSpec, id="etcd"),
        Input(EtcdCertsSpec, id="etcd"),
    )

    async def run(self, rt: Runtime) -> None:
        task: asyncio.Task[Any] | None = None
        followed: tuple[Any, ...] | None = None
        async for _ in rt.events():
            wanted = await self._wanted(rt)
            if wanted == followed:
                continue
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                task = None
            followed = wanted
            if wanted is not None:
                task = rt.spawn(self._keep_serving(rt, *wanted), name=f"{self.name}/serve")

    async def _wanted(self, rt: Runtime) -> tuple[str, Rules] | None:
        config = await rt.get_or_none(ConfigSpec, "config")
        certs = await rt.get_or_none(KubernetesCertsSpec, "k8s-certs")
        root = await rt.get_or_none(OSRootSpec, "os")
        if config is None or not config.spec.enabled or certs is None or root is None or not root.spec.issuing_ca.key:
            return None
        rules = Rules(
            namespaces=tuple(config.spec.allowed_kubernetes_namespaces),
            roles=tuple(config.spec.allowed_api_roles),
            authority=pair(root.spec.issuing_ca),
            accepted=bundle(root.spec.accepted_cas),
        )
        return certs.spec.localhost_admin_kubeconfig, rules

    async def _keep_serving(self, rt: Runtime, kubeconfig: str, rules: Rules) -> None:
        said = ""
        while True:
            try:
                await self._serve(rt, kubeconfig, rules)
            except (ApiError, ConnectError, EtcdUnavailableError, GRPCError, OSError) as error:
                if str(error) != said:
                    said = str(error)
                    rt.log.info("pods get no certificates for the machine API yet: %s", said)
            await rt.clock.sleep(RETRY_S)

    async def _serve(self, rt: Runtime, kubeconfig: str, rules: Rules) -> None:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(Client.from_kubeconfig(kubeconfig))
            etcd = await client_of(rt, ["127.0.0.1"])
            if etcd is None:
                raise EtcdUnavailableError("there are no etcd certificates yet")
            await stack.enter_async_context(etcd)
            spec = await rt.get_or_none(SpecSpec, "etcd")
            await stack.enter_async_context(lock(etcd, LOCK, spec.spec.name if spec else ""))
            await Accounts(rt, client, rules).follow()


class Accounts:
    """Follows accounts and their Secrets, and brings them in line."""

    def __init__(self, rt: Runtime, client: Client, rules: Rules) -> None:
        self._rt, self._client, self._rules = rt, client, rules
        self._accounts: dict[Key, Object] = {}
        self._secrets: dict[str, dict[Key, str]] = {}
        self._said: dict[Key, str] = {}
        self._wake = asyncio.Event()

    async def follow(self) -> None:
        """Until a watch fails; what it raises is for the caller to try again."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_accounts())
                for namespace in dict.fromkeys(self._rules.namespaces):
                    group.create_task(self._follow_secrets(namespace))
                await self._work()
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _follow_accounts(self) -> None:
        async for objects in self._client.snapshots(SERVICE_ACCOUNT):
            self._accounts = dict(objects)
            self._wake.set()

    async def _follow_secrets(self, namespace: str) -> None:
        async for objects in self._client.snapshots(SECRET, namespace, fields="type=Opaque"):
            # Their versions alone: what they hold is read when an account is looked at.
            versions = {key: item["metadata"]["resourceVersion"] for key, item in objects.items() if owners(item)}
            if versions != self._secrets.get(namespace):
                self._secrets[namespace] = versions
                self._wake.set()

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            accounts = self._accounts
            for key in sorted(accounts):
                await self._look_at(accounts[key])
            self._said = {key: text for key, text in self._said.items() if key in accounts}
            try:
                async with asyncio.timeout(RENEW_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _look_at(self, account: Object) -> None:
        if account["metadata"].get("deletionTimestamp"):
            return
        try:
            refusal = self._rules.refusal(account) or await self._bring_in_line(account)
            await self._tell(account, refusal)
        except ApiError as error:
            # Somebody was faster (conflict), or it went meanwhile: it comes again with the next event.
            if not (error.conflict or error.not_found):
                raise

    async def _bring_in_line(self, account: Object) -> Refusal | None:
        metadata, now = account["metadata"], self._rt.env.clock.now()
        name, namespace = metadata["name"], metadata["namespace"]
        try:
            secret = await self._client.get(SECRET, name, namespace)
        except ApiError as error:
            if not error.not_found:
                raise
            await self._client.create(secret_of(account, self._data(account, now)))
            self._rt.log.info("%s/%s may use the machine API as %s", namespace, name, ", ".join(roles_of(account)))
            return None
        if not owned_by(secret, account):
            text = f"Secret already exists and is not managed by controller: {namespace}/{name}"
            return Refusal("ErrResourceExists", text)
        if not self._rules.serves(text_of(secret), account, now):
            secret["data"] = {**(secret.get("data") or {}), **self._data(account, now)}
            await self._client.replace(SECRET, secret)
        return None

    def _data(self, account: Object, now: datetime) -> Object:
        return {FILE: b64encode(self._rules.talosconfig(account, now).encode()).decode()}

    async def _tell(self, account: Object, refusal: Refusal | None) -> None:
        """The account's status, and an Event when it is another than before."""
        metadata = account["metadata"]
        key = (metadata["namespace"], metadata["name"])
        before = (account.get("status") or {}).get("failureReason") or ""
        now = refusal.message if refusal else ""
        if before != now:
            # In a merge patch null removes (RFC 7386); the kind has no subresource for its status.
            patch = {"status": {"failureReason": now or None}}
            await self._client.patch(SERVICE_ACCOUNT, key[1], patch, key[0])
        if self._said.get(key) != now:
            self._said[key] = now
            await self._event(account, refusal or SYNCED, "Warning" if refusal else "Normal")

    async def _event(self, account: Object, what: Refusal, kind: str) -> None:
        metadata = account["metadata"]
        moment = self._rt.env.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        involved = {
            "apiVersion": SERVICE_ACCOUNT.api_version,
            "kind": SERVICE_ACCOUNT.kind,
            **{field: metadata[field] for field in ("name", "namespace", "uid")},
        }
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name'][:200]}.", "namespace": metadata["namespace"]},
            "involvedObject": involved,
            "reason": what.reason,
            "message": what.message,
            "type": kind,
            "source": {"component": COMPONENT},
            "count": 1,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
        }
        try:
            await self._client.create(event)
        except ApiError as error:  # an event is a courtesy: a namespace that is going takes none
            self._rt.log.debug("no event about %s: %s", metadata["name"], error)


def text_of(secret: Object) -> str:
    """The talosconfig in a Secret; "" if there is none that can be read."""
    try:
        return b64decode((secret.get("data") or {}).get(FILE) or "", validate=True).decode()
    except (Base64Error, ValueError):
        return ""
