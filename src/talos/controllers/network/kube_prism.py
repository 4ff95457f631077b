"""KubePrism: the Kubernetes API on 127.0.0.1, whichever control plane nodes are up."""

from __future__ import annotations

import asyncio

from talos.controllers.network.load_balancer import LoadBalancer
from talos.resources.k8s import KubePrismConfigSpec, KubePrismStatusesSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime


class KubePrismController(Controller):
    name = "k8s.KubePrismController"
    process = "networkd"
    inputs = (Input(KubePrismConfigSpec, id="k8s-loadbalancer-config"),)
    outputs = (Output(KubePrismStatusesSpec, EXCLUSIVE),)

    async def run(self, rt: Runtime) -> None:
        balancer: LoadBalancer | None = None
        address: tuple[str, int] | None = None
        checks: asyncio.Task[None] | None = None
        try:
            async for _ in rt.events():
                config = await rt.get_or_none(KubePrismConfigSpec, "k8s-loadbalancer-config")
                wanted = (config.spec.host, config.spec.port) if config is not None else None
                if balancer is not None and wanted != address:
                    balancer.close()
                    balancer = None
                    if checks is not None:
                        checks.cancel()
                if config is None or wanted is None:
                    await rt.keep_only(KubePrismStatusesSpec, ())
                    continue
                if balancer is None:
                    balancer, address = LoadBalancer(rt.trigger), wanted
                    balancer.set_servers([(item.host, item.port) for item in config.spec.endpoints])
                    checks = rt.spawn(balancer.check_forever())
                    rt.log.info("KubePrism serves %s:%d", *wanted)
                balancer.set_servers([(item.host, item.port) for item in config.spec.endpoints])
                await balancer.listen_while_healthy(*wanted)
                status = KubePrismStatusesSpec(host=f"{wanted[0]}:{wanted[1]}", healthy=balancer.healthy)
                await rt.modify(KubePrismStatusesSpec, "k8s-loadbalancer", lambda _old, status=status: status)  # type: ignore[misc]
        finally:
            if balancer is not None:
                balancer.close()
