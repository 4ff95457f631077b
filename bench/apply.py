"""How soon a configuration applied without a reboot is in force: from the call to a sysctl, a host entry, a label."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import yaml

from talos.api import cosi_resource_pb2, machine_pb2
from talos.client import Client, TalosConfig
from talos.config.patch import apply_patches_to_text

RUNS = 5
LIMIT_S = 30.0
HEAD = "apiVersion: v1alpha1\nkind: "
SYSCTL = HEAD + "SysctlConfig\nparams: {{net.ipv4.ip_default_ttl: '{0}'}}\n"
HOST = HEAD + "StaticHostConfig\nname: 192.0.2.{0}\nhostnames: [bench{0}.example.org]\n"
LABEL = HEAD + "KubeNodeConfig\nlabels: {{example.org/bench: 'v{0}'}}\n"


class _Node:
    """A node and its configuration as the API shows it."""

    def __init__(self, client: Client, address: str) -> None:
        self._client, self._address = client, address

    async def text(self) -> str:
        request = cosi_resource_pb2.GetRequest(
            namespace="config", type="MachineConfigs.config.talos.dev", id="v1alpha1"
        )
        reply = await self._client.call("/cosi.resource.State/Get", request, node=self._address)
        return str(yaml.safe_load(reply.resource.spec.yaml_spec))

    async def read(self, path: str) -> str:
        request = machine_pb2.ReadRequest(path=path)
        parts = [
            m.bytes async for m in self._client.stream("/machine.MachineService/Read", request, node=self._address)
        ]
        return b"".join(parts).decode()

    async def seconds(self, patch: str, in_force: Callable[[], Awaitable[bool]]) -> float:
        """From the call that applies the patched configuration until it is in force."""
        data = apply_patches_to_text(await self.text(), [patch]).encode()
        request = machine_pb2.ApplyConfigurationRequest(data=data, mode=machine_pb2.ApplyConfigurationRequest.NO_REBOOT)
        began = time.perf_counter()
        await self._client.call("/machine.MachineService/ApplyConfiguration", request, node=self._address)
        async with asyncio.timeout(LIMIT_S):
            while not await in_force():  # noqa: ASYNC110 - a node has no event for it
                await asyncio.sleep(0.002)
        return time.perf_counter() - began


async def _measure(talosconfig: Path, kubectl: list[str], address: str, name: str) -> dict[str, float]:
    watch = await asyncio.create_subprocess_exec(
        *kubectl, "get", "node", name, "--watch", "-o", r'jsonpath=[{.metadata.labels.example\.org/bench}]{"\n"}',
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert watch.stdout is not None
    try:
        await asyncio.wait_for(watch.stdout.readline(), LIMIT_S)
        async with Client.from_config(TalosConfig.load(talosconfig), endpoints=[address]) as client:
            node = _Node(client, address)
            taken: dict[str, list[float]] = {"sysctl": [], "host": [], "label": []}
            for number in range(RUNS):
                value = 100 + number

                async def sysctl(value: int = value) -> bool:
                    return (await node.read("/proc/sys/net/ipv4/ip_default_ttl")).strip() == str(value)

                async def host(value: int = value) -> bool:
                    return f"bench{value}.example.org" in await node.read("/etc/hosts")

                async def label(value: int = value) -> bool:
                    assert watch.stdout is not None
                    return f"[v{value}]".encode() in await watch.stdout.readline()

                taken["sysctl"].append(await node.seconds(SYSCTL.format(value), sysctl))
                taken["host"].append(await node.seconds(HOST.format(value), host))
                taken["label"].append(await node.seconds(LABEL.format(value), label))
            return {f"apply_{what}_s": statistics.median(times) for what, times in taken.items()}
    finally:
        with contextlib.suppress(ProcessLookupError):
            watch.terminate()
        await watch.wait()


def measure(talosconfig: str, kubectl: list[str], address: str, name: str) -> dict[str, float]:
    """Medians of a few applies to a node of a cluster, for each kind of effect."""
    return asyncio.run(_measure(Path(talosconfig), kubectl, address, name))
