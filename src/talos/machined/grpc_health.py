"""The gRPC health protocol (grpc.health.v1) over a unix socket, as containerd serves it."""

from __future__ import annotations

from pathlib import Path

from grpclib.health.v1.health_grpc import HealthStub
from grpclib.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from talos.grpc_channel import Channel


async def serving(socket: Path, service: str = "") -> None:
    """ConnectionError unless the server says SERVING."""
    channel = Channel(path=str(socket))
    try:
        response = await HealthStub(channel).Check(HealthCheckRequest(service=service))
    finally:
        channel.close()
    if response.status != HealthCheckResponse.SERVING:
        name = HealthCheckResponse.ServingStatus.Name(response.status)
        raise ConnectionError(f"{socket} answers {name}")
