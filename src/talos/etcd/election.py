"""One holder among nodes, as long as it lives and can do its work: a key in etcd that goes with its lease.

Unlike a lock (talos.etcd.lock) it says when it is lost. A holder that cannot renew its lease counts itself out before
etcd does: `MARGIN_S` earlier than another may be elected, so that there are never two. A holder that starts anew (its
process was restarted) finds its own name in the key and goes on without a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn

from grpclib import GRPCError
from grpclib.exceptions import StreamTerminatedError

from talos.api import etcd_pb2 as pb
from talos.etcd.client import EtcdClient, EtcdUnavailableError
from talos.state.clock import Clock

TTL_S = 10
MARGIN_S = 3.0
STEP_S = 1.0
FAULTS = (GRPCError, EtcdUnavailableError, StreamTerminatedError, OSError, TimeoutError)


async def stand(
    connect: Callable[[], Awaitable[EtcdClient | None]],
    name: str,
    holder: str,
    changed: Callable[[bool], None],
    able: Callable[[], Awaitable[bool]],
    clock: Clock,
) -> NoReturn:
    """Stand for election until cancelled. `changed` hears of each change; who is not `able` does not stay.

    `connect` is asked for each term anew: certificates of a node live for a day, a candidate for months."""
    while True:
        if await able() and (etcd := await connect()) is not None:
            with suppress(*FAULTS):
                async with etcd:
                    await _term(etcd, name, holder, changed, able, clock)
        await clock.sleep(STEP_S)


async def _term(
    etcd: EtcdClient,
    name: str,
    holder: str,
    changed: Callable[[bool], None],
    able: Callable[[], Awaitable[bool]],
    clock: Clock,
) -> None:
    """Until elected, and then until it is over."""
    lease = await etcd.grant_lease(TTL_S)
    renewed, elected = clock.monotonic(), False
    try:
        while await able():
            if not elected:
                elected = await _take(etcd, name.encode(), holder.encode(), lease)
                if elected:
                    changed(True)
            await clock.sleep(STEP_S)
            asked = clock.monotonic()
            try:
                async with asyncio.timeout(TTL_S - MARGIN_S):
                    if await etcd.keep_alive(lease) <= 0:
                        return
                renewed = asked
            except FAULTS:
                if clock.monotonic() - renewed > TTL_S - MARGIN_S - 2 * STEP_S:
                    return
    finally:
        if elected:
            changed(False)
        with suppress(*FAULTS):
            async with asyncio.timeout(MARGIN_S):
                await etcd.revoke_lease(lease)


async def _take(etcd: EtcdClient, key: bytes, holder: bytes, lease: int) -> bool:
    """Become the holder if there is none, or if it is us."""
    put = pb.RequestOp(request_put=pb.PutRequest(key=key, value=holder, lease=lease))
    for compare in (
        pb.Compare(target=pb.Compare.CREATE, key=key, create_revision=0),
        pb.Compare(target=pb.Compare.VALUE, key=key, value=holder),
    ):
        if (await etcd.transaction(pb.TxnRequest(compare=[compare], success=[put]))).succeeded:
            return True
    return False
