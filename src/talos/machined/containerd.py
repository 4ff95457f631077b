"""Calls of containerd's own API: what its CRI plugin has no word for.

containerd keeps images and containers apart by namespace: pods are in k8s.io; what belongs to the node itself, an
installer image or a debug container, in system.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from grpclib import GRPCError, Status
from grpclib.client import Channel, UnaryStreamMethod, UnaryUnaryMethod

from talos.api import common_pb2
from talos.machined import cri

PODS = "k8s.io"
SYSTEM = "system"
_NAMESPACE_KEY = "containerd-namespace"


def namespace(requested: int) -> str:
    """containerd's namespace of the wire's number. Not named: the node's own, where nothing disturbs a pod."""
    return PODS if requested == common_pb2.NS_CRI else SYSTEM


def metadata(space: str) -> dict[str, str]:
    """What every call to containerd carries."""
    return {_NAMESPACE_KEY: space}


@asynccontextmanager
async def connected() -> AsyncIterator[Channel]:
    """A connection for the block. UNAVAILABLE when containerd does not listen."""
    channel = Channel(path=str(cri.SOCKET))
    try:
        yield channel
    except OSError as error:
        raise GRPCError(Status.UNAVAILABLE, f"containerd does not answer at {cri.SOCKET}: {error}") from error
    finally:
        channel.close()


async def call(
    method: str, request: Message, response: type[Any], space: str, *, timeout_s: float | None = 30.0
) -> Any:
    """One unary call; `method` is the full path."""
    async with connected() as channel:
        unary = UnaryUnaryMethod(channel, method, type(request), response)
        return await unary(request, timeout=timeout_s, metadata=metadata(space))


async def read_stream(method: str, request: Message, response: type[Any], space: str) -> list[Any]:
    """All messages of a server stream."""
    async with connected() as channel:
        stream = UnaryStreamMethod(channel, method, type(request), response)
        return await stream(request, timeout=30.0, metadata=metadata(space))


def packed(message: Message, name: str = "") -> AnyMessage:
    """A message inside Any as containerd names types: bare, without a host. `name` where ours is another one."""
    return AnyMessage(type_url=name or message.DESCRIPTOR.full_name, value=message.SerializeToString())
