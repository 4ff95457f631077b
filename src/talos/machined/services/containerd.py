"""containerd: one process that serves pods. `cri` is its plugin's service (docs/decisions/0001).

It listens where the kubelet expects it, and at the address of Talos' system containerd by a link, so that either name
finds it. Stopping it stops no pod: the shims live in a control group of their own and are not ended with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import resource
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from talos.linux.process import Program
from talos.machined.conditions import Condition, FilesExist
from talos.machined.health import HealthCheck
from talos.machined.service import ProgramService
from talos.machined.services.common import VolumesMounted
from talos.resources.files import EtcFileStatusSpec

if TYPE_CHECKING:
    from talos.machined.node import Node

SOCKET = Path("/run/containerd/containerd.sock")
SYSTEM_SOCKET = Path("/system/run/containerd/containerd.sock")
CONFIG = Path("/etc/cri/containerd.toml")
TRUSTED_ROOTS = Path("/etc/ssl/certs/ca-certificates.crt")
FILES = (CONFIG, Path("/etc/cri/conf.d/cri.toml"), Path("/etc/cri/conf.d/base-spec.json"))


class Containerd(ProgramService):
    """The container runtime's process."""

    id = "containerd"
    cgroup = "podruntime/runtime"
    whole_cgroup = False
    api_restart = True

    def conditions(self, node: Node) -> Sequence[Condition]:
        return (
            VolumesMounted("/var/lib", "CRI"),
            FilesExist('/etc files ["cri/conf.d/cri.toml" "cri/conf.d/base-spec.json"] to be ready', FILES),
        )

    async def prepare(self, node: Node) -> None:
        Path("/run/containerd").mkdir(mode=0o711, exist_ok=True)
        SYSTEM_SOCKET.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        with contextlib.suppress(FileExistsError):
            SYSTEM_SOCKET.symlink_to(SOCKET)

    async def program(self, node: Node) -> Program:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return Program(
            argv=["/bin/containerd", "--address", str(SOCKET), "--config", str(CONFIG)],
            env=node.program_environment(),
            log=node.logs.path(self.id),
            cgroup_procs=node.cgroups.procs_files(self.cgroup),
            rlimits={resource.RLIMIT_NOFILE: (limit, limit)},
            oom_score_adj=None if node.env.lacks_sys_resource else -500,
        )

    async def fingerprint(self, node: Node) -> str:
        digest = hashlib.sha256()
        for file in (*FILES, TRUSTED_ROOTS):
            with contextlib.suppress(FileNotFoundError):
                digest.update(node.env.path(str(file)).read_bytes())
        return digest.hexdigest()

    async def restarts(self, node: Node) -> AsyncIterator[None]:
        """Its own files change: credentials of registries, for one, or the authorities that it trusts. It reads them
        when it starts and never again; hosts.toml of a registry (mirrors, TLS) at every pull."""
        started = await self.fingerprint(node)
        async with contextlib.aclosing(node.state.watch(EtcFileStatusSpec)) as events:
            async for _ in events:
                if await self.fingerprint(node) != started:
                    yield

    def health(self, node: Node) -> HealthCheck:
        from talos.machined.grpc_health import serving

        return HealthCheck(lambda: serving(SOCKET))
