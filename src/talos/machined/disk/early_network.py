"""A network for the process that opens the disks, for keys that a server keeps: before there is any service.

The same controllers that networkd and machined run later bring it up here, on a state of their own: kernel arguments,
platform, DHCP, and the configuration as far as STATE is open. Then they end and leave the addresses: the networkd that
comes finds them and goes on with them, as after any restart.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import socket
import threading
import time
from pathlib import Path

from talos.controllers.machine_config import ACTIVE
from talos.controllers.network import dns_message
from talos.controllers.network.address_config import AddressConfigController
from talos.controllers.network.address_merge import AddressMergeController
from talos.controllers.network.address_spec import AddressSpecController
from talos.controllers.network.address_status import AddressStatusController
from talos.controllers.network.cmdline_config import CmdlineConfigController
from talos.controllers.network.hostname_merge import HostnameMergeController
from talos.controllers.network.link_config import LinkConfigController
from talos.controllers.network.link_merge import LinkMergeController
from talos.controllers.network.link_spec import LinkSpecController
from talos.controllers.network.link_status import LinkStatusController
from talos.controllers.network.operator_config import OperatorConfigController
from talos.controllers.network.operator_merge import OperatorMergeController
from talos.controllers.network.operator_spec import OperatorSpecController
from talos.controllers.network.platform_config import PlatformConfigController
from talos.controllers.network.resolver_config import ResolverConfigController
from talos.controllers.network.resolver_merge import ResolverMergeController
from talos.controllers.network.route_config import RouteConfigController
from talos.controllers.network.route_merge import RouteMergeController
from talos.controllers.network.route_spec import RouteSpecController
from talos.controllers.network.route_status import RouteStatusController
from talos.controllers.runtime.kernel_module_config import KernelModuleConfigController
from talos.controllers.runtime.kernel_module_spec import KernelModuleSpecController
from talos.environment import NodeEnvironment
from talos.linux.modules import ModuleTree
from talos.resources.config import MachineConfigSpec
from talos.resources.network import AddressStatusSpec, ResolverSpecSpec
from talos.resources.runtime import MetaKeySpec
from talos.state import Resource
from talos.state.controller import Controller
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState

log = logging.getLogger("machined.disk")

CONTROLLERS: tuple[type[Controller], ...] = (
    CmdlineConfigController, PlatformConfigController, LinkConfigController, LinkMergeController, LinkSpecController,
    LinkStatusController, AddressConfigController, AddressMergeController, AddressSpecController,
    AddressStatusController, RouteConfigController, RouteMergeController, RouteSpecController, RouteStatusController,
    ResolverConfigController, ResolverMergeController, HostnameMergeController, OperatorConfigController,
    OperatorMergeController, OperatorSpecController, KernelModuleConfigController, KernelModuleSpecController,
)  # fmt: skip
MODULES = ("af_packet", "nls_utf8", "isofs")
"""what DHCP's sockets and a seed's disk would ask the modprobe of other systems for"""
LIMIT_S = 60.0
QUERY_LIMIT_S = 3.0


class EarlyNetwork:
    """Brought up when it is first asked for, once for all volumes."""

    def __init__(self, env: NodeEnvironment | None = None) -> None:
        self._env = env
        self._state: InMemoryState | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers: list[str] = []
        self._runtime: ControllerRuntime | None = None
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """Stop what runs here; addresses and routes stay."""
        if self._loop is None or self._thread is None:
            return
        if self._runtime is not None:
            asyncio.run_coroutine_threadsafe(self._runtime.stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None

    def require(self, state: Path | None, meta: dict[int, bytes]) -> None:
        """Returns when the machine has an address. OSError: it has none in time. state: where STATE is mounted, with
        the configuration; meta: values of META."""
        if self._loop is None:
            log.info("the network is needed for a key: it is brought up")
            ModuleTree().load_willing(MODULES)
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._host, daemon=True, name="early network")
            self._thread.start()
        text = ""
        if state is not None and (state / "config.yaml").exists():
            text = (state / "config.yaml").read_text()
        asyncio.run_coroutine_threadsafe(self._up(text, meta), self._loop).result()

    def _host(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _up(self, text: str, meta: dict[int, bytes]) -> None:
        if self._state is None:
            self._state = InMemoryState()
            for key, value in meta.items():
                row = MetaKeySpec(value=value.decode(errors="replace"))
                await self._state.create(Resource.new(MetaKeySpec, f"{key:#04x}", row))
            self._runtime = ControllerRuntime(self._state, CONTROLLERS, self._env or NodeEnvironment.detect())
            self._runtime.start()
        if text and await self._state.get_or_none(MachineConfigSpec, ACTIVE) is None:
            await self._state.create(Resource.new(MachineConfigSpec, ACTIVE, MachineConfigSpec(text=text)))
        end = time.monotonic() + LIMIT_S
        while not await self._addressed(self._state):
            if time.monotonic() > end:
                raise OSError(f"this machine has no address after {LIMIT_S:g} s")
            await asyncio.sleep(0.1)
        resolvers = await self._state.get_or_none(ResolverSpecSpec, "resolvers")
        self._servers = list(resolvers.spec.dns_servers) if resolvers is not None else []

    @staticmethod
    async def _addressed(state: InMemoryState) -> bool:
        for row in await state.list(AddressStatusSpec):
            address = ipaddress.ip_interface(row.spec.address)
            if not address.is_loopback and not address.is_link_local:
                return True
        return False

    def resolve(self, host: str) -> list[str]:
        """Addresses of a host name, from the network's own servers. OSError."""
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        problem = "no name server is known"
        for server in self._servers:
            try:
                for kind in (dns_message.TYPE_A, dns_message.TYPE_AAAA):
                    if found := self._asked(server, host, kind):
                        return found
                problem = f"{server} knows no address"
            except (OSError, dns_message.DnsError) as error:
                problem = f"{server}: {error}"
        raise OSError(f"{host} cannot be resolved: {problem}")

    def _asked(self, server: str, host: str, kind: int) -> list[str]:
        query = dns_message.query(int.from_bytes(os.urandom(2)), host, kind)
        question = dns_message.parse_query(query)
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as plain:
            plain.settimeout(QUERY_LIMIT_S)
            plain.connect((server, 53))
            plain.send(query)
            response = plain.recv(4096)
        if response[:2] != query[:2] or not dns_message.answers(response, question):
            raise dns_message.DnsError("it answers something else")
        return dns_message.found(response)
