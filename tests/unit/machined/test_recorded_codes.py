"""Errors have the status that a genuine node answered with: clients look at it, whatever another might say better."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from grpclib import GRPCError, Status

from talos.api import common_pb2, machine_pb2
from talos.machined import containers
from talos.machined.api import containers as container_methods
from talos.machined.api import events, files, logs
from talos.machined.node import Node
from talos.machined.rpc import Call
from talos.resources.config import MachineConfigSpec

CRI, SYSTEM = "k8s.io", "system"
M = "/machine.MachineService/"


@pytest.mark.parametrize(
    ("method", "request_", "status", "words"),
    [
        ("List", machine_pb2.ListRequest(root="/nosuch"), Status.UNKNOWN, "lstat /nosuch: no such file or directory"),
        ("Copy", machine_pb2.CopyRequest(root_path="/nosuch"), Status.UNKNOWN, "lstat /nosuch"),
        ("Read", machine_pb2.ReadRequest(path="/nosuch"), Status.NOT_FOUND, "stat /nosuch: no such file or directory"),
        ("Read", machine_pb2.ReadRequest(path="/"), Status.UNKNOWN, "path must be a regular file"),
        (
            "Logs",
            machine_pb2.LogsRequest(namespace=SYSTEM, id="nosuch"),
            Status.UNKNOWN,
            'log "nosuch" was not registered',
        ),
        (
            "Logs",
            machine_pb2.LogsRequest(namespace=CRI, id="kube-system/a:b:c", driver=common_pb2.CRI),
            Status.UNKNOWN,
            'container "kube-system/a:b:c" not found',
        ),
        (
            "Restart",
            machine_pb2.RestartRequest(namespace=CRI, id="a/b:c"),
            Status.UNKNOWN,
            'container "a/b:c" not found',
        ),
        ("Restart", machine_pb2.RestartRequest(namespace=SYSTEM, id="nosuch"), Status.UNKNOWN, 'container "nosuch"'),
        ("Events", machine_pb2.EventsRequest(tail_id="5m"), Status.UNKNOWN, "5m"),
    ],
)
async def test_codes(
    method: str,
    request_: Any,
    status: Status,
    words: str,
    make_node: Callable[..., Node],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def none(**_: object) -> list[Any]:
        return []

    monkeypatch.setattr(containers, "pod_containers", none)  # a node that runs no pods
    handler: Any = {
        "List": files.list_files, "Copy": files.copy, "Read": files.read, "Logs": logs.logs,
        "Restart": container_methods.restart, "Events": events.events,
    }[method]
    call = Call(make_node(), M + method, frozenset({"os:admin"}))
    with pytest.raises(GRPCError) as caught:
        answer = handler(call, request_)
        if isinstance(answer, AsyncIterator):
            async for _ in answer:
                pass
        else:
            await answer
    assert (caught.value.status, words in str(caught.value.message)) == (status, True), caught.value


async def test_a_configuration_says_that_its_spec_is_text(make_node: Callable[..., Node]) -> None:
    node = make_node()
    from tests.unit.controllers.conftest import configuration

    await node.config._publish(configuration(), "v1alpha1")
    resource = await node.state.get(MachineConfigSpec, "v1alpha1")
    assert resource.md.annotations == {"talos.dev/yaml-spec": "1"}
