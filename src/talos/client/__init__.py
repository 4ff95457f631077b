"""Asynchronous client of the node API.

    config = TalosConfig.load(default_path())
    async with Client.from_config(config) as client:
        reply = await client.call("/machine.MachineService/Version", empty_pb2.Empty(), node="10.5.0.2")
        async for chunk in client.stream("/machine.MachineService/Logs", request, node="10.5.0.2"): ...

Everything that goes wrong on the way to or at a node is one exception, ApiError, with gRPC code, text and node.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from talos.client.client import Client
    from talos.client.config import ConfigError, Context, TalosConfig, default_path
    from talos.client.errors import ApiError

__all__ = ["ApiError", "Client", "ConfigError", "Context", "TalosConfig", "default_path"]

_MODULES = {"ApiError": "errors", "Client": "client"}


def __getattr__(name: str) -> object:
    """On first use: a command that needs no event loop does not wait for one, nor for HTTP/2."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    found: object = getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'config')}"), name)
    globals()[name] = found
    return found
