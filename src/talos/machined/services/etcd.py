"""etcd on control plane nodes, as user 60 in a control group of its own, straight from the image root."""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from talos.linux.process import Program, send_signal, spawn
from talos.machined import exits
from talos.machined.conditions import Condition, ResourceCondition
from talos.machined.health import HealthCheck
from talos.machined.service import ProgramService
from talos.machined.services.common import VolumesMounted, network_ready, time_synced
from talos.resources.etcd import PKIStatusSpec, SpecSpec
from talos.state import NotFoundError

if TYPE_CHECKING:
    from talos.etcd.bootstrap import EtcdBootstrapRequest
    from talos.machined.node import Node

PROGRAM = "/usr/bin/etcd"
USER = 60


class Etcd(ProgramService):
    """The cluster's store."""

    id = "etcd"
    cgroup = "podruntime/etcd"
    api_restart = True
    stop_timeout_s = 20.0

    def conditions(self, node: Node) -> Sequence[Condition]:
        return (
            VolumesMounted("/var/lib", "ETCD"),
            time_synced(),
            network_ready(),
            ResourceCondition("etcd spec", SpecSpec, "etcd"),
            ResourceCondition("etcd pki", PKIStatusSpec, "etcd", lambda spec: bool(spec.ready)),
        )

    async def program(self, node: Node) -> Program:
        # Waits, with an empty data folder, for Bootstrap or for a member that lets this node join.
        from talos.etcd.membership import start_arguments
        from talos.machined import etcd_founding

        if (config := node.config.current) is not None and config.machine.is_init:
            await etcd_founding.unasked(node.env, node.state)
        await etcd_founding.resume(node.env, node.state)

        async def restore(spec: SpecSpec, request: EtcdBootstrapRequest) -> None:
            await self._restore(node, spec, request)

        return self._program(node, await start_arguments(node.state, node.env, restore))

    def _program(self, node: Node, arguments: Sequence[str]) -> Program:
        return Program(
            argv=[PROGRAM, *arguments],
            env=node.program_environment(),
            log=node.logs.path(self.id),
            uid=USER,
            gid=USER,
            capabilities=(),
            cgroup_procs=node.cgroups.procs_files(self.cgroup),
            rlimits={resource.RLIMIT_NOFILE: (10240, 10240)},
            oom_score_adj=None if node.env.lacks_sys_resource else -998,
            cwd="/",
        )

    async def _restore(self, node: Node, spec: SpecSpec, request: EtcdBootstrapRequest) -> None:
        """In etcd's own control group: a large database would not fit into machined's."""
        from talos.etcd import bootstrap, recovery
        from talos.machined import etcd_founding

        try:
            await asyncio.to_thread(recovery.clear, node.env)
            arguments = recovery.restore_arguments(
                node.env, spec.name, spec.advertised_addresses, skip_hash_check=request.skip_hash_check
            )
            process = spawn(self._program(node, arguments))
            try:
                status = await node.exits.wait(process)
            except asyncio.CancelledError:
                send_signal(process, signal.SIGKILL)
                raise
            if status != 0:
                raise RuntimeError(
                    f"the snapshot was not restored: {exits.describe(status)}; talosctl logs etcd says why"
                )
            recovery.adopt(node.env)
        except Exception:
            # The person may try again, with this snapshot or another.
            etcd_founding.forget(node.env)
            with suppress(NotFoundError):
                await node.state.destroy(bootstrap.EtcdBootstrapRequest, bootstrap.ID)
            raise

    def health(self, node: Node) -> HealthCheck:
        from talos.etcd.membership import healthy
        from talos.machined import etcd_founding

        async def check() -> None:
            await healthy(node.state)
            etcd_founding.forget(node.env)  # a member that leaves the cluster must not found another
            with suppress(OSError):  # no fault of etcd's; it is tried again with the next check
                etcd_founding.remember(node.env)

        return HealthCheck(check, period_s=20.0, timeout_s=15.0)
