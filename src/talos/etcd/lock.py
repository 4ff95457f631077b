"""A lock among control plane nodes: a key in etcd that lives as long as a lease.

The holder renews the lease; when it dies, the key goes with the lease and another node takes over after ``TTL_S``.
Those who wait ask once a second: contention happens only while several control plane nodes come up at once, and a
watch stream for that would be more code than it saves time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from grpclib import GRPCError

from talos.api import etcd_pb2 as pb
from talos.etcd.client import EtcdClient, EtcdUnavailableError

TTL_S = 30
RETRY_S = 1.0


@asynccontextmanager
async def lock(etcd: EtcdClient, name: str, holder: str) -> AsyncIterator[None]:
    """Hold ``name`` while the block runs. Leaving it gives the lock up, also by an error.

    The block is not stopped when the lease is lost: what it does must be harmless when done twice.
    """
    lease = await etcd.grant_lease(TTL_S)
    renewal: asyncio.Task[None] | None = None
    try:
        key = name.encode()
        take = pb.TxnRequest(
            compare=[pb.Compare(target=pb.Compare.CREATE, key=key, create_revision=0)],
            success=[pb.RequestOp(request_put=pb.PutRequest(key=key, value=holder.encode(), lease=lease))],
        )
        renewal = asyncio.create_task(_renew(etcd, lease))
        while not (await etcd.transaction(take)).succeeded:  # noqa: ASYNC110 - see above
            await asyncio.sleep(RETRY_S)
        yield
    finally:
        if renewal is not None:
            renewal.cancel()
            with suppress(asyncio.CancelledError):
                await renewal
        with suppress(GRPCError, EtcdUnavailableError):
            await etcd.revoke_lease(lease)


async def _renew(etcd: EtcdClient, lease: int) -> None:
    while True:
        await asyncio.sleep(TTL_S / 3)
        with suppress(GRPCError, EtcdUnavailableError):
            await etcd.keep_alive(lease)
