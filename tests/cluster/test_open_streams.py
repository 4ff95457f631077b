"""Streams that stay open: a watch goes on where it was, a right that ends ends them, and so does a caller that leaves.

Through apid on the control plane node to a worker, as people reach workers.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import yaml
from grpclib.const import Status

from talos.api import common_pb2, cosi_resource_pb2, machine_pb2
from talos.client import ApiError, Client, TalosConfig
from talos.provision.model import NodeModel
from tests.cluster.cluster import TALOSCTL, Cluster, wait_for

WATCH = "/cosi.resource.State/Watch"
HOSTS = "StaticHosts.net.talos.dev"
CAPTURE = "/machine.MachineService/PacketCapture"
HEAD = "apiVersion: pytalos.dev/v1alpha1\nkind: "
Event = cosi_resource_pb2.Event


def host(address: str, *names: str) -> str:
    return yaml.safe_dump(
        {"apiVersion": "v1alpha1", "kind": "StaticHostConfig", "name": address, "hostnames": list(names)}
    )


def removal(document: str) -> str:
    head = yaml.safe_load(document)
    return yaml.safe_dump({key: head[key] for key in ("apiVersion", "kind", "name")} | {"$patch": "delete"})


@pytest.fixture
def patched(cluster: Cluster) -> Iterator[Callable[[NodeModel, str], None]]:
    """patched(node, document): the node has it until the end of the test, or until it is patched away."""
    had: dict[tuple[str, str, str], tuple[NodeModel, str]] = {}

    def patch(node: NodeModel, document: str) -> None:
        cluster.ok("patch", "machineconfig", "--nodes", node.address, "--patch", document)
        head = yaml.safe_load(document)
        key = (node.name, head["kind"], head["name"])
        if "$patch" in head:
            had.pop(key, None)
        else:
            had[key] = (node, removal(document))

    yield patch
    for node, gone in had.values():
        cluster.ok("patch", "machineconfig", "--nodes", node.address, "--patch", gone)


def client(cluster: Cluster, config: Path | None = None) -> Client:
    """By way of the control plane node."""
    found = TalosConfig.load(config or cluster.talosconfig)
    return Client.from_config(found, endpoints=[cluster.nodes[0].address])


def watch(start: bytes = b"", **options: Any) -> cosi_resource_pb2.WatchRequest:
    wanted = cosi_resource_pb2.WatchOptions(**options)
    if start:
        wanted.start_from_bookmark = start
    return cosi_resource_pb2.WatchRequest(namespace="network", type=HOSTS, api_version=1, options=wanted)


async def events(source: Client, node: NodeModel, request: cosi_resource_pb2.WatchRequest) -> AsyncIterator[Any]:
    async with aclosing(source.stream(WATCH, request, node=node.address)) as messages:
        async for message in messages:
            for event in message.event:
                yield event


async def take(stream: AsyncIterator[Any], count: int) -> list[Any]:
    async with asyncio.timeout(60):
        return [await anext(stream) for _ in range(count)]


def seen(found: list[Any]) -> list[tuple[str, str, str]]:
    return [(Event.DESCRIPTOR.file.enum_types_by_name["EventType"].values_by_number[e.event_type].name,
             e.resource.metadata.id, e.resource.metadata.phase) for e in found]  # fmt: skip


async def test_a_watch_goes_on_with_exactly_what_it_missed(
    cluster: Cluster, patched: Callable[[NodeModel, str], None]
) -> None:
    """The oracle is a second watch that was never interrupted; it and the one that comes back see the same bytes."""
    node = cluster.nodes[-1]
    change = asyncio.to_thread
    async with client(cluster) as source, aclosing(events(source, node, watch(bootstrap_contents=True))) as whole:
        contents = []
        async with asyncio.timeout(60):
            while (event := await anext(whole)).event_type != cosi_resource_pb2.BOOTSTRAPPED:
                contents.append(event.resource.metadata.id)
        assert contents, "the node's own name and localhost are static hosts too"
        beginning = event.bookmark
        await change(patched, node, host("192.0.2.1", "one.test"))
        (first,) = await take(whole, 1)
        assert seen([first]) == [("CREATED", "one.test", "running")]
        # The watch that will come back ends here.
        await change(patched, node, host("192.0.2.2", "two.test"))
        await change(patched, node, host("192.0.2.4", "one.test"))
        await change(patched, node, removal(host("192.0.2.2")))
        missed = []
        async with asyncio.timeout(60):
            while not missed or missed[-1].event_type != cosi_resource_pb2.DESTROYED:
                missed.append(await anext(whole))
        assert [one for one in seen(missed) if one[2] == "running"][:2] == [
            ("CREATED", "two.test", "running"),
            ("UPDATED", "one.test", "running"),
        ]
        async with client(cluster) as again:
            async with aclosing(events(again, node, watch(first.bookmark))) as resumed:
                assert await take(resumed, len(missed)) == missed
                await change(patched, node, host("192.0.2.3", "three.test"))
                (live,) = await take(resumed, 1)  # nothing between what was missed and what comes
                assert [live] == await take(whole, 1)
                assert seen([live]) == [("CREATED", "three.test", "running")]
            async with aclosing(events(again, node, watch(beginning))) as resumed:
                assert await take(resumed, 2 + len(missed)) == [first, *missed, live]
            with pytest.raises(ApiError) as refused:
                await take(events(again, cluster.nodes[0], watch(first.bookmark)), 1)
            assert refused.value.status is Status.FAILED_PRECONDITION, "a bookmark is of the node that gave it"


class Followed:
    """Streams of one person, each read to its end by a task."""

    def __init__(self, source: Client) -> None:
        self.source = source
        self.tasks: dict[str, asyncio.Task[Any]] = {}

    async def open(self, name: str, path: str, request: Any, **target: Any) -> None:
        """Return when the first message is there: the stream is open then, on every node that it passes."""
        begun = asyncio.Event()

        async def read() -> None:
            async with aclosing(self.source.stream(path, request, **target)) as messages:
                async for _ in messages:
                    begun.set()

        task = self.tasks[name] = asyncio.create_task(read(), name=name)
        waiting = asyncio.create_task(begun.wait())
        async with asyncio.timeout(60):
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        assert not task.done(), task

    async def end(self, name: str) -> ApiError:
        """Why it ended."""
        async with asyncio.timeout(30):
            with pytest.raises(ApiError) as ended:
                await self.tasks[name]
        return ended.value

    def still(self) -> set[str]:
        return {name for name, task in self.tasks.items() if not task.done()}

    async def close(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


def person(cluster: Cluster, path: Path, name: str, *more: str) -> Path:
    cluster.ok("config", "new", "--name", name, "--nodes", cluster.nodes[0].address, *more, path / name)
    return path / name


LOGS = machine_pb2.LogsRequest(namespace="system", id="apid", follow=True, tail_lines=1)


async def opened(followed: Followed, here: NodeModel, there: NodeModel) -> None:
    """One of each way: to the node that is called, to another one through it, to both at once."""
    await followed.open("logs there", "/machine.MachineService/Logs", LOGS, node=there.address)
    await followed.open("events here", "/machine.MachineService/Events", machine_pb2.EventsRequest(tail_events=1))
    await followed.open("watch here", WATCH, watch(bootstrap_contents=True))
    await followed.open("watch there", WATCH, watch(bootstrap_contents=True), node=there.address)
    await followed.open("logs both", "/machine.MachineService/Logs", LOGS, nodes=[here.address, there.address])


async def test_a_revoked_name_loses_every_stream_and_nobody_else_one(
    cluster: Cluster, tmp_path: Path, patched: Callable[[NodeModel, str], None]
) -> None:
    here, there = cluster.nodes[0], cluster.nodes[-1]
    configs = await asyncio.to_thread(
        lambda: [person(cluster, tmp_path, name) for name in ("trent", "mallory")]
    )
    async with client(cluster, configs[0]) as good, client(cluster, configs[1]) as bad:
        trent, mallory = Followed(good), Followed(bad)
        try:
            await opened(trent, here, there)
            await opened(mallory, here, there)
            document = f"{HEAD}RevocationConfig\nname: gone\nnames: [mallory]\n"
            await asyncio.to_thread(patched, here, document)
            for name in mallory.tasks:
                error = await mallory.end(name)
                assert error.status in (Status.PERMISSION_DENIED, Status.UNAUTHENTICATED), (name, error)
                assert "revoked" in error.text, (name, error)
            assert trent.still() == set(trent.tasks)
        finally:
            await trent.close()
            await mallory.close()


async def test_a_grant_ends_the_streams_that_it_does_not_list(
    cluster: Cluster, tmp_path: Path, patched: Callable[[NodeModel, str], None]
) -> None:
    """On the target alone: the node that is called knows nothing of it, and passes the end on."""
    here, there = cluster.nodes[0], cluster.nodes[-1]
    config = await asyncio.to_thread(person, cluster, tmp_path, "walter")
    async with client(cluster, config) as source:
        walter = Followed(source)
        try:
            await opened(walter, here, there)
            document = f"{HEAD}GrantConfig\nname: less\nsubjects: [walter]\nmethods: [Events, Version]\n"
            await asyncio.to_thread(patched, there, document)
            error = await walter.end("logs there")
            assert error.status is Status.PERMISSION_DENIED, error
            assert "no grant for walter covers it" in error.text
            # A watch may show types that the new grants leave out: it is asked for again, and then decided.
            error = await walter.end("watch there")
            assert error.status in (Status.PERMISSION_DENIED, Status.UNAVAILABLE), error
            # Of both at once the other node's goes on, and so does what is only on the node that is called.
            assert walter.still() == {"events here", "watch here", "logs both"}
        finally:
            await walter.close()


def captures(cluster: Cluster, node: NodeModel) -> int:
    """Sockets that take packets off the node's links (packet(7))."""
    return len(Path(f"/proc/{cluster.init_pid(node)}/net/packet").read_text().splitlines()) - 1


def ended(cluster: Cluster, node: NodeModel, since: int) -> list[dict[str, Any]]:
    """Records of captures that ended since then."""
    lines = cluster.log(node, "audit/api.log")[since:].splitlines()
    return [r for r in map(json.loads, lines) if r.get("method") == CAPTURE and r["event"] == "call"]


async def test_a_cancelled_call_ends_on_the_node_that_carried_it_out(cluster: Cluster) -> None:
    node = cluster.nodes[-1]
    before, since = captures(cluster, node), len(cluster.log(node, "audit/api.log"))
    request = machine_pb2.PacketCaptureRequest(interface="lo")
    async with client(cluster) as source:
        stream = source.stream(CAPTURE, request, node=node.address)
        async with asyncio.timeout(30):
            assert isinstance(await anext(stream), common_pb2.Data)
        assert captures(cluster, node) == before + 1
        await stream.aclose()
        waiting = (lambda: captures(cluster, node) == before, lambda: ended(cluster, node, since))
        for condition in waiting:
            await asyncio.to_thread(wait_for, condition, "the capture has ended on the worker", 30)
    assert ended(cluster, node, since)[-1]["code"] == "CANCELLED"


async def test_a_deadline_ends_the_call_on_the_node_that_carried_it_out(cluster: Cluster) -> None:
    node = cluster.nodes[-1]
    before, since = captures(cluster, node), len(cluster.log(node, "audit/api.log"))
    request = machine_pb2.PacketCaptureRequest(interface="lo")
    async with client(cluster) as source:
        with pytest.raises(ApiError) as late:
            async for _ in source.stream(CAPTURE, request, node=node.address, timeout=5.0):
                pass
        assert late.value.status is Status.DEADLINE_EXCEEDED
        waiting = (lambda: captures(cluster, node) == before, lambda: ended(cluster, node, since))
        for condition in waiting:
            await asyncio.to_thread(wait_for, condition, "the capture has ended on the worker", 30)


def test_a_caller_that_is_killed_leaves_nothing_running(cluster: Cluster) -> None:
    """Without a word: its connection ends, and with it what it had asked for two nodes further."""
    node = cluster.nodes[-1]
    before = captures(cluster, node)
    command = [TALOSCTL, "--talosconfig", cluster.talosconfig, "--endpoints", cluster.nodes[0].address, "--nodes",
               node.address, "pcap", "--interface", "lo", "--output", "-"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as capturing:
        try:
            wait_for(lambda: captures(cluster, node) == before + 1, "the capture runs on the worker", 60)
        finally:
            os.kill(capturing.pid, signal.SIGKILL)
    wait_for(lambda: captures(cluster, node) == before, "the capture has ended on the worker", 30)


def test_a_node_that_is_debugged_shows_its_services_logs_on_its_console(cluster: Cluster) -> None:
    """And not any more when that is over; containerd says something whenever it is asked for an image."""
    node = cluster.nodes[-1]
    console = cluster.directory.node(node.name).console

    def asked() -> str:
        cluster.try_talosctl("image", "pull", "registry.invalid/nosuch:1", "--nodes", node.address)
        return console.read_text(errors="replace")

    cluster.ok("patch", "machineconfig", "--nodes", node.address, "--patch", "debug: true")
    try:
        before = len(console.read_text(errors="replace"))
        wait_for(lambda: "[containerd] " in asked()[before:], "a service's line is on the console", 60, pause_s=1)
    finally:
        cluster.ok("patch", "machineconfig", "--nodes", node.address, "--patch", "debug: false")
    wait_for(lambda: not console_lines(cluster, node), "the console is for the node's own lines again", 60, pause_s=1)


def console_lines(cluster: Cluster, node: NodeModel) -> list[str]:
    """Lines of services that came while something was asked of one."""
    console = cluster.directory.node(node.name).console
    before = len(console.read_text(errors="replace"))
    cluster.try_talosctl("image", "pull", "registry.invalid/nosuch:1", "--nodes", node.address)
    shown = console.read_text(errors="replace")[before:].splitlines()
    return [line for line in shown if line.startswith(("[containerd]", "[kubelet]", "[apid]"))]
