"""The process: follows the authority, the token and its own certificate, and serves while it has them."""

from __future__ import annotations

import asyncio
import logging

from talos import service_process
from talos.pki.certificates import Pair
from talos.resources.secrets.os_root_secret import OSRootSpec
from talos.resources.secrets.trustd_certificate import TrustdCertsSpec
from talos.state.follow import follow
from talos.state.interface import State
from talos.trustd.server import TrustService
from talos.trustd.signer import Trust

log = logging.getLogger("trustd")

PORT = 50001


async def serve(state: State, host: str = "", port: int = PORT, service: TrustService | None = None) -> None:
    """Serve until cancelled."""
    service = service or TrustService()

    def root(spec: OSRootSpec | None) -> None:
        if spec is None or not spec.issuing_ca.key:
            service.trust = None
            return
        accepted = [spec.issuing_ca.crt, *(ca.crt for ca in spec.accepted_cas if ca.crt != spec.issuing_ca.crt)]
        service.trust = Trust(
            Pair(spec.issuing_ca.crt.encode(), spec.issuing_ca.key.encode()),
            "\n".join(text.strip() for text in accepted).encode() + b"\n",
            spec.token,
        )

    def certificate(spec: TrustdCertsSpec | None) -> None:
        if spec is not None and spec.server.crt:
            try:
                service.use_certificate(spec.server.crt.encode(), spec.server.key.encode())
            except ValueError as error:
                log.error("the new certificate is not used: %s", error)

    try:
        await service.listener.listen(host, port)
        log.info("listening on port %d", service.listener.port)
        async with asyncio.TaskGroup() as group:
            group.create_task(follow(state, OSRootSpec, "os", root, log))
            group.create_task(follow(state, TrustdCertsSpec, "trustd", certificate, log))
    finally:
        await service.listener.close()


async def _run() -> None:
    from talos.state.remote import RemoteState

    await serve(RemoteState(service_process.STATE_SOCKET))


def main() -> int:
    """Run trustd in this process; returns 0 when it is told to stop."""
    return service_process.run(_run())
