"""The process: waits for its certificates, serves, follows their changes."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, suppress

from talos import service_process
from talos.apid.credentials import changes
from talos.apid.service import Service, split_listen_address
from talos.resources.access.access_policy import AccessPolicySpec
from talos.state.follow import follow
from talos.state.interface import State

log = logging.getLogger("apid")

MACHINE_SOCKET = "/system/run/machined/apid.sock"
LOCAL_SOCKET = "/system/run/apid/apid.sock"
FLUSH_S = 1.0


async def serve(state: State, machine_socket: str = MACHINE_SOCKET, local_socket: str = LOCAL_SOCKET) -> None:
    """Serve until cancelled."""
    service = Service(machine_socket)
    service.policy = None
    handing_over = asyncio.create_task(service.audit.run())
    deciding = asyncio.create_task(follow_policy(state, service))
    listening, local = "", False
    try:
        log.info("waiting for certificates")
        async with aclosing(changes(state)) as updates:
            async for credentials, address in updates:
                try:
                    service.apply(credentials)
                except ValueError as error:
                    log.error("new certificates are not used: %s", error)  # the old ones still are
                    continue
                if not local:  # only now: machined, which starts together with us, makes the folder
                    local = await _listen_local(service, local_socket)
                if address != listening:
                    await service.listener.stop_listening()
                    await service.listener.listen(*split_listen_address(address))
                    listening = address
                    log.info("listening on %s", address)
    finally:
        deciding.cancel()
        await service.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(service.audit.drained(), FLUSH_S)
        handing_over.cancel()
        service.machined.close()


async def follow_policy(state: State, service: Service) -> None:
    """Use the grants and revocations of the configuration, as they change."""

    def use(spec: AccessPolicySpec | None) -> None:
        if spec is not None:
            service.use_policy(spec.policy)

    await follow(state, AccessPolicySpec, "current", use, log)


async def _listen_local(service: Service, path: str) -> bool:
    try:
        await service.listen_local(path)
    except OSError as error:
        log.warning("the local socket %s is not served: %s", path, error)
        return False
    return True


async def _run() -> None:
    from talos.state.remote import RemoteState

    await serve(RemoteState(service_process.STATE_SOCKET))


def main() -> int:
    """Run apid in this process; returns 0 when it is told to stop."""
    return service_process.run(_run())
