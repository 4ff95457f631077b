"""Certificates and settings of apid from the node's resources, as they come and change."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from talos.apid.service import Credentials
from talos.resources.network.hostname_status import HostnameStatusSpec
from talos.resources.network.node_address import NodeAddressSpec
from talos.resources.own_names import own_names
from talos.resources.runtime.api_service_config import APIServiceConfigSpec
from talos.resources.secrets.api_certificate import APICertsSpec
from talos.state.follow import follow
from talos.state.interface import State
from talos.state.spec import Spec

log = logging.getLogger("apid")

WATCHED: tuple[tuple[type[Spec], str], ...] = (
    (APICertsSpec, "api"),
    (APIServiceConfigSpec, "apid"),
    (NodeAddressSpec, "current"),
    (HostnameStatusSpec, "hostname"),
)


def combine(
    certificates: APICertsSpec, config: APIServiceConfigSpec, names: frozenset[str] | None = None
) -> Credentials:
    """What apid serves with. Without client certificates it is in maintenance mode."""
    return Credentials(
        accepted_cas=tuple(ca.crt.encode() for ca in certificates.accepted_cas),
        server_certificate=certificates.server.crt.encode(),
        server_key=certificates.server.key.encode(),
        client_certificate=certificates.client.crt.encode(),
        client_key=certificates.client.key.encode(),
        maintenance=(
            certificates.skip_verifying_client_cert or config.skip_verifying_client_cert or config.readonly_role_mode
        ),
        routing_disabled=config.node_routing_disabled,
        names=names,
    )


async def changes(state: State) -> AsyncGenerator[tuple[Credentials, str], None]:
    """(credentials, listen address), now if they are there and after every change, for ever.

    While machined restarts the state cannot be reached: apid goes on with what it has.
    """
    latest: dict[type[Spec], Any] = {}
    changed = asyncio.Event()

    def keep(kind: type[Spec], spec: Spec | None) -> None:
        if spec is not None:
            latest[kind] = spec
            changed.set()

    tasks = [asyncio.create_task(follow(state, kind, id, functools.partial(keep, kind), log)) for kind, id in WATCHED]
    try:
        while True:
            await changed.wait()
            changed.clear()
            certificates, config = latest.get(APICertsSpec), latest.get(APIServiceConfigSpec)
            if certificates is not None and config is not None and certificates.server.crt:
                names = own_names(latest.get(NodeAddressSpec), latest.get(HostnameStatusSpec))
                yield combine(certificates, config, names), config.listen_address or ":50000"
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
