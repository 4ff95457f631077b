"""The kubelet, straight from the image root: its files are written before KubeletSpec appears (controllers/k8s)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import resource
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from talos.controllers.secrets.pem import bundle
from talos.linux.process import Program
from talos.machined.conditions import Condition, FilesExist, ResourceCondition
from talos.machined.health import HealthCheck, http_ok
from talos.machined.service import ProgramService
from talos.machined.services.common import (
    HostDNSReachable,
    ImageCacheSettled,
    UserVolumesSettled,
    VolumesMounted,
    network_ready,
    time_synced,
)
from talos.machined.services.containerd import SOCKET
from talos.resources.k8s import KubeletSpecSpec
from talos.resources.secrets import KubeletSpec as KubeletSecretSpec
from talos.state import Spec
from talos.state.watch import EventKind

if TYPE_CHECKING:
    from talos.machined.node import Node

VOLUMES = (
    "/var/lib",
    "KUBELET",
    "LOG",
    "/var/log/audit",
    "/var/log/containers",
    "/var/log/pods",
    "/var/lib/kubelet/seccomp",
    "/var/lib/kubelet/seccomp/profiles",
    "/var/log/audit/kube",
    "/var/mnt",
)
SPEC_ID = SECRET_ID = "kubelet"
IDENTITY_POLL_S = 0.2


async def _authorities(node: Node) -> bytes:
    secret = await node.state.get_or_none(KubeletSecretSpec, SECRET_ID)
    return bundle(secret.spec.accepted_cas) if secret is not None else b""


async def _until_identified(node: Node) -> None:
    """The files that it starts from hold the authorities of now; a controller writes them. Without a node in
    Kubernetes there are none."""
    from talos.controllers.k8s import kubelet_identity

    while True:
        spec = (await node.state.get(KubeletSpecSpec, SPEC_ID)).spec
        if not spec.expected_nodename or kubelet_identity.trusts(node.env, await _authorities(node)):
            return
        await asyncio.sleep(IDENTITY_POLL_S)


async def _follow(node: Node, kind: type[Spec], id: str, changed: asyncio.Event) -> None:
    async with contextlib.aclosing(node.state.watch(kind, id)) as events:
        async for event in events:
            if event.kind is EventKind.UPDATED:
                changed.set()


async def _any(changed: asyncio.Event, watching: Sequence[asyncio.Task[None]]) -> None:
    """A change; or what ended a watch is raised."""
    waiting = asyncio.create_task(changed.wait())
    try:
        done, _ = await asyncio.wait([waiting, *watching], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        waiting.cancel()


class Kubelet(ProgramService):
    """Runs pods."""

    id = "kubelet"
    # Without a socket it ends; with one it waits itself until CRI answers, while the rest of it starts.
    cgroup = "podruntime/kubelet"
    api_start = True
    api_restart = True

    def conditions(self, node: Node) -> Sequence[Condition]:
        return (
            VolumesMounted(*VOLUMES),
            UserVolumesSettled(),
            ImageCacheSettled(),
            time_synced(),
            network_ready(),
            HostDNSReachable(),
            ResourceCondition("kubelet spec", KubeletSpecSpec, SPEC_ID),
            FilesExist("containerd to listen", (SOCKET,)),
        )

    async def program(self, node: Node) -> Program:
        spec = (await node.state.get(KubeletSpecSpec, SPEC_ID)).spec
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return Program(
            argv=["/usr/bin/kubelet", *spec.args],
            env=node.program_environment(),
            log=node.logs.path(self.id),
            cgroup_procs=node.cgroups.procs_files(self.cgroup),
            rlimits={resource.RLIMIT_NOFILE: (limit, limit)},
            oom_score_adj=None if node.env.lacks_sys_resource else -450,
        )

    async def fingerprint(self, node: Node) -> str:
        resource = await node.state.wait_for(KubeletSpecSpec, SPEC_ID)
        return hashlib.sha256(msgspec.json.encode(resource.spec) + await _authorities(node)).hexdigest()

    async def restarts(self, node: Node) -> AsyncIterator[None]:
        """Its arguments change, or the authorities of Kubernetes, which it reads when it starts and never again."""
        started = await self.fingerprint(node)
        changed = asyncio.Event()
        watching = [
            asyncio.create_task(_follow(node, kind, id, changed))
            for kind, id in ((KubeletSpecSpec, SPEC_ID), (KubeletSecretSpec, SECRET_ID))
        ]
        try:
            while True:
                await _any(changed, watching)
                changed.clear()
                if await self.fingerprint(node) != started:
                    await _until_identified(node)
                    yield
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    def health(self, node: Node) -> HealthCheck:
        return HealthCheck(lambda: http_ok("127.0.0.1", 10248, "/healthz"))
