"""What the dashboard knows of a node: the last answers, and how load and traffic went."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talos.talosctl.session import Session

_HISTORY = 240
_CALL_S = 5.0
_RETRY_S = 3.0
_VIRTUAL = ("lo", "veth", "cni", "flannel", "dummy", "kube", "tunl", "bond", "br-", "docker")


class NodeData:
    """One node. `error` says why the figures are old."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.error = ""
        self.version = self.hostname = self.stage = self.machine_type = ""
        self.ready: bool | None = None
        self.unmet: list[str] = []
        self.uptime_s = 0.0
        self.cpus = 0
        self.load: tuple[float, float, float] = (0, 0, 0)
        self.memory_total = self.memory_used = 0
        self.processes = 0
        self.services: list[tuple[str, str, str]] = []
        self.cpu: deque[float] = deque(maxlen=_HISTORY)
        """percent of all processors"""
        self.memory: deque[float] = deque(maxlen=_HISTORY)
        """percent"""
        self.received: deque[float] = deque(maxlen=_HISTORY)
        """bytes a second"""
        self.sent: deque[float] = deque(maxlen=_HISTORY)
        self.messages: deque[str] = deque(maxlen=1000)
        self._busy: tuple[float, float] | None = None
        self._traffic: tuple[float, int, int] | None = None

    async def follow(self, session: Session, interval_s: float) -> None:
        """Look again and again."""
        from talos.client import ApiError

        while True:
            try:
                await self._look(session)
                self.error = ""
            except ApiError as error:
                self.error = str(error)
                self._busy = self._traffic = None
            await asyncio.sleep(interval_s)

    async def follow_messages(self, session: Session, lines: int) -> None:
        """Kernel messages as they come, from the node's last ones on."""
        from talos.api import machine_pb2
        from talos.client import ApiError

        tail = False
        while True:
            request = machine_pb2.DmesgRequest(follow=True, tail=tail)
            rest = b""
            try:
                async for chunk in session.stream(self.node, "/machine.MachineService/Dmesg", request):
                    *whole, rest = (rest + chunk.bytes).split(b"\n")
                    self.messages += [line.decode(errors="replace") for line in whole[-lines:]]
            except ApiError as error:
                self.messages.append(f"no kernel messages: {error}")
            tail = True
            await asyncio.sleep(_RETRY_S)

    async def _look(self, session: Session) -> None:
        async def ask(method: str) -> Any:
            reply = await session.call(self.node, f"/machine.MachineService/{method}", timeout=_CALL_S)
            return reply.messages[0]

        stat, memory, load, network, services, version, hostname = await asyncio.gather(
            *(
                ask(method)
                for method in (
                    *("SystemStat", "Memory", "LoadAvg", "NetworkDeviceStats", "ServiceList", "Version", "Hostname"),
                )
            )
        )
        self._take_processors(stat)
        info = memory.meminfo
        self.memory_total, self.memory_used = info.memtotal * 1024, (info.memtotal - info.memavailable) * 1024
        self.memory.append(100 * self.memory_used / self.memory_total if self.memory_total else 0)
        self.load = (load.load1, load.load5, load.load15)
        self._take_traffic(network)
        self.services = sorted((s.id, s.state, _health(s.health)) for s in services.services)
        self.version, self.hostname = version.version.tag, hostname.hostname
        await self._look_at_state(session)

    async def _look_at_state(self, session: Session) -> None:
        for kind, namespace, id, take in (
            ("MachineStatuses.runtime.talos.dev", "runtime", "machine", self._take_status),
            ("MachineTypes.config.talos.dev", "config", "machine-type", self._take_type),
        ):
            spec = await _spec(session, self.node, kind, namespace, id)
            if spec is not None:
                take(spec)

    def _take_status(self, spec: Any) -> None:
        self.stage = str(spec.get("stage", ""))
        condition = spec.get("status") or {}
        self.ready = bool(condition.get("ready"))
        self.unmet = [f"{c.get('name')}: {c.get('reason')}" for c in condition.get("unmetConditions") or ()]

    def _take_type(self, spec: Any) -> None:
        self.machine_type = spec if isinstance(spec, str) else ""

    def _take_processors(self, stat: Any) -> None:
        total = stat.cpu_total
        busy = total.user + total.nice + total.system + total.irq + total.soft_irq + total.steal
        whole = busy + total.idle + total.iowait
        if self._busy is not None and whole > self._busy[1]:
            self.cpu.append(100 * (busy - self._busy[0]) / (whole - self._busy[1]))
        self._busy = (busy, whole)
        self.cpus = len(stat.cpu)
        self.processes = stat.process_running
        self.uptime_s = max(0.0, time.time() - stat.boot_time)

    def _take_traffic(self, network: Any) -> None:
        now = time.monotonic()
        real = [d for d in network.devices if not d.name.startswith(_VIRTUAL)]
        received, sent = sum(d.rx_bytes for d in real), sum(d.tx_bytes for d in real)
        if self._traffic is not None and now > self._traffic[0]:
            elapsed = now - self._traffic[0]
            self.received.append(max(0, received - self._traffic[1]) / elapsed)
            self.sent.append(max(0, sent - self._traffic[2]) / elapsed)
        self._traffic = (now, received, sent)


def _health(health: Any) -> str:
    return "?" if health.unknown else "OK" if health.healthy else "Fail"


async def _spec(session: Session, node: str, kind: str, namespace: str, id: str) -> Any:
    """None if there is no such resource, or if the person may not see it."""
    from talos.api import cosi_resource_pb2 as pb
    from talos.client import ApiError
    from talos.talosctl.resource_output import spec_of

    request = pb.GetRequest(namespace=namespace, type=kind, id=id)
    try:
        reply = await session.call(node, "/cosi.resource.State/Get", request, timeout=_CALL_S)
    except ApiError:
        return None
    return spec_of(reply.resource)
