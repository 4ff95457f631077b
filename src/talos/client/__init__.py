"""Asynchronous client of the node API.

    config = TalosConfig.load(default_path())
    async with Client.from_config(config) as client:
        reply = await client.call("/machine.MachineService/Version", empty_pb2.Empty(), node="10.5.0.2")
        async for chunk in client.stream("/machine.MachineService/Logs", request, node="10.5.0.2"): ...

Everything that goes wrong on the way to or at a node is one exception, ApiError, with gRPC code, text and node.
"""

from __future__ import annotations

from talos.client.client import Client
from talos.client.config import ConfigError, Context, TalosConfig, default_path
from talos.client.errors import ApiError

__all__ = ["ApiError", "Client", "ConfigError", "Context", "TalosConfig", "default_path"]
