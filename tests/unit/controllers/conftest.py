"""A node's state with the controllers of some domains running on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from talos.config import Config
from talos.config.generate import Input
from talos.config.secrets import Bundle
from talos.config.view.model import MachineType as ConfiguredType
from talos.controllers.machine_config import ACTIVE
from talos.environment import NodeEnvironment
from talos.resources.block import VolumeStatusSpec
from talos.resources.config import MachineConfigSpec, MachineTypeSpec
from talos.resources.enums import MachineType, VolumePhase
from talos.resources.network import HostnameStatusSpec, NodeAddressSpec
from talos.state import Controller, ControllerRuntime, InMemoryState, Resource, Spec, discover

ADDRESS_SETS = ("routed-no-k8s", "current-no-k8s", "accumulative-no-k8s", "accumulative")


@lru_cache(maxsize=1)
def secrets() -> Bundle:
    """One bundle for all tests: its RSA key takes seconds to make."""
    return Bundle.generate()


def configuration(machine_type: ConfiguredType = ConfiguredType.CONTROL_PLANE, **changes: Any) -> Config:
    """A configuration as `gen config` makes it for a local cluster."""
    given: dict[str, Any] = {
        "cluster_name": "peer",
        "endpoint": "https://10.77.0.2:6443",
        "secrets": secrets(),
        "install_disk": "",
        "cluster_discovery": False,
        **changes,
    }
    return Input(**given).config(machine_type)


class FakeNode:
    """State, environment and controllers of a node that is not there."""

    def __init__(self, root: Path) -> None:
        self.state = InMemoryState()
        self.env = NodeEnvironment(platform="container", root=root, lacks_sys_resource=True)
        self._runtime: ControllerRuntime | None = None

    async def put(self, id: str, spec: Spec, **metadata: Any) -> None:
        """Create or replace a resource, as whoever owns it would."""
        await self.state.modify(type(spec), id, lambda _: spec, **metadata)

    async def configure(self, config: Config, hostname: str = "talos1", address: str = "10.77.0.2/24") -> None:
        """What machined and networkd publish on a configured node."""
        await self.put(ACTIVE, MachineConfigSpec(text=config.encode()))
        kind = MachineType.CONTROL_PLANE if config.machine.is_control_plane else MachineType.WORKER
        await self.put("machine-type", MachineTypeSpec(type=kind))
        await self.network(hostname, address)
        for volume in ("STATE", "KUBELET"):
            await self.put(volume, VolumeStatusSpec(phase=VolumePhase.READY))
        self.env.path("/system/state").mkdir(parents=True, exist_ok=True)

    async def network(self, hostname: str = "talos1", address: str = "10.77.0.2/24") -> None:
        """Name and addresses."""
        await self.put("hostname", HostnameStatusSpec(hostname=hostname))
        for name in ADDRESS_SETS:
            await self.put(name, NodeAddressSpec(addresses=[address]))

    def run(self, *names: str) -> None:
        """Start these controllers; a name ending in ``.`` means a whole domain."""
        found = [c for c in _all() if any(c.name == n or (n.endswith(".") and c.name.startswith(n)) for n in names)]
        assert found, f"no controller is called {names}"
        self._runtime = ControllerRuntime(self.state, found, self.env)
        self._runtime.start()

    async def stop(self) -> None:
        """Stop them, as a killed machined does."""
        if self._runtime is not None:
            await self._runtime.stop()
            self._runtime = None

    async def get(self, kind: type[Any], id: str, predicate: Callable[[Any], bool] | None = None) -> Any:
        """Spec of a resource that is there or comes within seconds."""
        async with asyncio.timeout(10):
            found: Resource[Any] = await self.state.wait_for(
                kind, id, None if predicate is None else lambda r: predicate(r.spec)
            )
            return found.spec


@lru_cache(maxsize=1)
def _all() -> list[type[Controller]]:
    return discover(process="machined")


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[FakeNode]:
    """A node without anything running."""
    fake = FakeNode(tmp_path)
    yield fake
    await fake.stop()


@pytest.fixture(scope="session")
def make_config() -> Iterator[Callable[..., Config]]:
    """The function `configuration`: conftest modules cannot be imported."""
    yield configuration


__all__ = ["ConfiguredType", "FakeNode"]
