"""Applies the manifests to the cluster, by server-side apply under the field manager "talos".

Objects of one manifest are applied at once, and so are manifests of one rank: what has to be there first (namespaces,
custom resource definitions) is applied before everything else. The API server admits objects in any order otherwise;
what depends on another waits for it by itself. One node at a time does it, held together by a lock in etcd; the others
then find everything in place, which the server answers without writing.

An inventory (ConfigMap) lists what was applied, so that a removed manifest can be removed from the cluster as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

from grpclib import GRPCError

from talos.controllers.etcd.member import client_of
from talos.etcd.client import EtcdUnavailableError
from talos.etcd.lock import lock
from talos.kubernetes import ApiError, Client, ConnectError
from talos.kubernetes.kinds import CONFIG_MAP, NAMESPACE
from talos.resources.etcd import MemberSpec, SpecSpec
from talos.resources.k8s import ManifestSpec, ManifestStatusSpec
from talos.resources.secrets import EtcdCertsSpec, EtcdRootSpec, KubernetesCertsSpec
from talos.state import Controller, Input, Output, Runtime

FIELD_MANAGER = "talos"
LOCK = "talos:v1:manifestApplyMutex"
INVENTORY = "talos-bootstrap-manifests-inventory"
INVENTORY_NAMESPACE = "kube-system"
OWNING_INVENTORY = "config.k8s.io/owning-inventory"
RETRY_S = 0.2
FIRST_KINDS = ("Namespace", "CustomResourceDefinition")

Object = dict[str, Any]


class ManifestApplyController(Controller):
    """Manifests -> Kubernetes, ManifestStatus "manifests"."""

    name = "k8s.ManifestApplyController"
    inputs = (
        Input(KubernetesCertsSpec, id="k8s-certs"),
        Input(ManifestSpec),
        Input(MemberSpec, id="local"),
        Input(SpecSpec, id="etcd"),
        Input(EtcdRootSpec, id="etcd"),
        Input(EtcdCertsSpec, id="etcd"),
    )
    outputs = (Output(ManifestStatusSpec),)

    def __init__(self) -> None:
        self._applied = ""
        self._said = ""

    async def reconcile(self, rt: Runtime) -> None:
        certs = await rt.get_or_none(KubernetesCertsSpec, "k8s-certs")
        member = await rt.get_or_none(MemberSpec, "local")
        manifests = {m.id: m.spec.items for m in await rt.list(ManifestSpec)}
        if certs is None or not manifests:
            await rt.keep_only(ManifestStatusSpec, ())
            return
        digest = hashlib.sha256(json.dumps(manifests, sort_keys=True).encode()).hexdigest()
        if member is None or digest == self._applied:
            return
        try:
            async with Client.from_kubeconfig(certs.spec.localhost_admin_kubeconfig) as client:
                # Nearly everything lives in this namespace, which the server makes by itself a moment after it listens.
                await client.get(NAMESPACE, INVENTORY_NAMESPACE)
                await self._apply_alone(rt, client, manifests)
        except (ApiError, ConnectError, EtcdUnavailableError, GRPCError) as error:
            if str(error) != self._said:
                self._said = str(error)
                rt.log.info("manifests are not applied yet: %s", error)
            rt.requeue_after(RETRY_S)
            return
        self._applied, self._said = digest, ""
        status = ManifestStatusSpec(manifests_applied=sorted(manifests))
        await rt.modify(ManifestStatusSpec, "manifests", lambda _: status)

    async def _apply_alone(self, rt: Runtime, client: Client, manifests: dict[str, list[Object]]) -> None:
        etcd = await client_of(rt, ["127.0.0.1"])
        if etcd is None:
            raise EtcdUnavailableError("there are no etcd certificates yet")
        spec = await rt.get_or_none(SpecSpec, "etcd")
        async with etcd, lock(etcd, LOCK, spec.spec.name if spec else ""):
            failures = await apply_all(client, manifests)
            if failures:
                raise failures[0]
            await self._prune(rt, client, manifests)

    async def _prune(self, rt: Runtime, client: Client, manifests: dict[str, list[Object]]) -> None:
        wanted = {reference(item): item for items in manifests.values() for item in items}
        inventory = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": INVENTORY, "namespace": INVENTORY_NAMESPACE},
            "data": dict.fromkeys(sorted(wanted), ""),
        }
        before = await self._inventory(client)
        for gone in sorted(before - set(wanted)):
            try:
                namespace, name, group, kind = parse_reference(gone)
                api_version = await client.preferred_version(group)
                await client.delete(await client.kind_of({"apiVersion": api_version, "kind": kind}), name, namespace)
                rt.log.info("removed %s, which no manifest holds any more", gone)
            except (ApiError, ValueError) as error:
                rt.log.warning("could not remove %s: %s", gone, error)
        if before != set(wanted):
            await client.apply(inventory, FIELD_MANAGER)

    async def _inventory(self, client: Client) -> set[str]:
        try:
            found = await client.get(CONFIG_MAP, INVENTORY, INVENTORY_NAMESPACE)
        except ApiError as error:
            if error.not_found:
                return set()
            raise
        return set(found.get("data") or {})


async def apply_all(client: Client, manifests: dict[str, list[Object]]) -> list[Exception]:
    """Apply everything; what failed, the first cause first. A failure does not keep the rest from being applied."""
    everything = [item for manifest in sorted(manifests) for item in manifests[manifest]]
    first = [item for item in everything if item["kind"] in FIRST_KINDS]
    rest = [item for item in everything if item["kind"] not in FIRST_KINDS]
    failures: list[Exception] = []
    for rank in (first, rest):
        results = await asyncio.gather(*(apply_one(client, item) for item in rank), return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                failures.append(result)
            elif isinstance(result, BaseException):
                raise result
    return failures


async def apply_one(client: Client, item: Object) -> None:
    """Apply one object; the error names it."""
    metadata = item["metadata"]
    annotations = {**(metadata.get("annotations") or {}), OWNING_INVENTORY: INVENTORY}
    try:
        await client.apply({**item, "metadata": {**metadata, "annotations": annotations}}, FIELD_MANAGER)
    except ApiError as error:
        name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
        raise ApiError(error.code, error.reason, f"{item['kind']} {name}: {error}", error.details) from error


def reference(item: Object) -> str:
    """``namespace_name_group_Kind``, ``:`` as ``__``: the key by which an inventory names an object."""
    group = item["apiVersion"].rpartition("/")[0]
    metadata = item["metadata"]
    return f"{metadata.get('namespace', '')}_{metadata['name'].replace(':', '__')}_{group}_{item['kind']}"


def parse_reference(text: str) -> tuple[str, str, str, str]:
    """Namespace, name, group and kind of `reference`. ValueError."""
    namespace, _, rest = text.partition("_")
    rest, _, kind = rest.rpartition("_")
    name, _, group = rest.rpartition("_")
    if not (kind and name):
        raise ValueError(f"{text!r} is no reference to an object")
    return namespace, name.replace("__", ":"), group, kind
