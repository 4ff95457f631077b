"""A client of etcd's v3 gRPC API: membership, maintenance, and the few key operations that a lock needs.

An own client, since the Python ones wrap grpcio, which the node does not carry. No balancer: a call goes to the first
endpoint that answers, in the order given, which for a node is its own member.

Errors: GRPCError with etcd's own status and text for what etcd refuses, EtcdUnavailableError when nobody answers.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from google.protobuf.message import Message
from grpclib import GRPCError, Status
from grpclib.client import StreamStreamMethod, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.exceptions import StreamTerminatedError

from talos.api import etcd_pb2 as pb
from talos.grpc_channel import Channel
from talos.kubernetes.tls import client_context

CLIENT_PORT = 2379
PEER_PORT = 2380
TIMEOUT_S = 5.0
M = TypeVar("M", bound=Message)


class EtcdUnavailableError(Exception):
    """No endpoint answered; the text holds each endpoint's reason."""


class EtcdClient:
    """``async with EtcdClient(["127.0.0.1"], ca=…, certificate=…, key=…) as etcd``. Endpoints are addresses."""

    def __init__(
        self, endpoints: Sequence[str], *, ca: bytes, certificate: bytes, key: bytes, port: int = CLIENT_PORT
    ) -> None:
        if not endpoints:
            raise ValueError("an etcd client needs at least one endpoint")
        self.endpoints = list(endpoints)
        self._port = port
        self._context = etcd_context(ca, certificate, key)
        self._channels: dict[str, Channel] = {}

    async def __aenter__(self) -> EtcdClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()

    # -- cluster --

    async def members(self, *, linearizable: bool = True) -> list[pb.Member]:
        """All members. ``linearizable=False`` answers from the local member even without quorum."""
        request = pb.MemberListRequest(linearizable=linearizable)
        response = await self._call("Cluster/MemberList", request, pb.MemberListResponse)
        return list(response.members)

    async def add_member(self, peer_urls: Sequence[str], *, learner: bool = True) -> pb.MemberAddResponse:
        """Announce a member before it starts. A learner does not count for quorum until it is promoted."""
        request = pb.MemberAddRequest(peer_urls=peer_urls, is_learner=learner)
        return await self._call("Cluster/MemberAdd", request, pb.MemberAddResponse)

    async def promote_member(self, member_id: int) -> None:
        """Make a learner that has caught up a voting member; FAILED_PRECONDITION while it has not."""
        await self._call("Cluster/MemberPromote", pb.MemberPromoteRequest(id=member_id), pb.MemberPromoteResponse)

    async def remove_member(self, member_id: int) -> None:
        """Remove a member; NOT_FOUND when there is none."""
        await self._call("Cluster/MemberRemove", pb.MemberRemoveRequest(id=member_id), pb.MemberRemoveResponse)

    async def update_member(self, member_id: int, peer_urls: Sequence[str]) -> None:
        """Advertise other peer URLs."""
        request = pb.MemberUpdateRequest(id=member_id, peer_urls=peer_urls)
        await self._call("Cluster/MemberUpdate", request, pb.MemberUpdateResponse)

    # -- maintenance --

    async def status(self) -> pb.StatusResponse:
        """Status of the member that answers."""
        return await self._call("Maintenance/Status", pb.StatusRequest(), pb.StatusResponse)

    async def alarms(self) -> list[pb.AlarmMember]:
        """Active alarms of all members."""
        response = await self._call("Maintenance/Alarm", pb.AlarmRequest(), pb.AlarmResponse)
        return list(response.alarms)

    async def disarm(self) -> list[pb.AlarmMember]:
        """Disarm every alarm; the alarms that were disarmed."""
        disarmed: list[pb.AlarmMember] = []
        for alarm in await self.alarms():
            request = pb.AlarmRequest(action=pb.AlarmRequest.DEACTIVATE, member_id=alarm.member_id, alarm=alarm.alarm)
            disarmed += (await self._call("Maintenance/Alarm", request, pb.AlarmResponse)).alarms
        return disarmed

    async def defragment(self) -> None:
        """Give free space of the member's database back to the file system; blocks the member meanwhile."""
        await self._call("Maintenance/Defragment", pb.DefragmentRequest(), pb.DefragmentResponse, timeout_s=300)

    async def move_leader(self, target_id: int) -> None:
        """Hand leadership to another voting member; only the leader can do it."""
        request = pb.MoveLeaderRequest(target_id=target_id)
        await self._call("Maintenance/MoveLeader", request, pb.MoveLeaderResponse)

    async def downgrade(self, action: int, version: str = "") -> str:
        """Validate, enable or cancel a downgrade of the cluster (``pb.DowngradeRequest.*``); the cluster version."""
        request = pb.DowngradeRequest(action=action, version=version)  # type: ignore[arg-type]
        return (await self._call("Maintenance/Downgrade", request, pb.DowngradeResponse)).version

    async def snapshot(self) -> AsyncIterator[bytes]:
        """The database file in chunks, a SHA-256 of it at its end."""
        channel = self._channel(self.endpoints[0])
        method: UnaryStreamMethod[Any, Any] = UnaryStreamMethod(
            channel, "/etcdserverpb.Maintenance/Snapshot", pb.SnapshotRequest, pb.SnapshotResponse
        )
        async with method.open() as stream:
            await stream.send_message(pb.SnapshotRequest(), end=True)
            async for message in stream:
                if message.blob:
                    yield message.blob

    # -- keys and leases --

    async def get(self, key: str) -> bytes | None:
        """Value of a key; None when it does not exist."""
        response = await self._call("KV/Range", pb.RangeRequest(key=key.encode()), pb.RangeResponse)
        return response.kvs[0].value if response.kvs else None

    async def put(self, key: str, value: bytes, *, lease: int = 0) -> None:
        """Set a key."""
        await self._call("KV/Put", pb.PutRequest(key=key.encode(), value=value, lease=lease), pb.PutResponse)

    async def transaction(self, request: pb.TxnRequest) -> pb.TxnResponse:
        """Compare and act atomically."""
        return await self._call("KV/Txn", request, pb.TxnResponse)

    async def grant_lease(self, ttl_s: int) -> int:
        """A lease that dies ``ttl_s`` seconds after its last renewal; its id."""
        return (await self._call("Lease/LeaseGrant", pb.LeaseGrantRequest(ttl=ttl_s), pb.LeaseGrantResponse)).id

    async def keep_alive(self, lease: int) -> int:
        """Renew a lease once; its remaining seconds, 0 when it is gone."""
        method: StreamStreamMethod[Any, Any] = StreamStreamMethod(
            self._channel(self.endpoints[0]),
            "/etcdserverpb.Lease/LeaseKeepAlive",
            pb.LeaseKeepAliveRequest,
            pb.LeaseKeepAliveResponse,
        )
        async with method.open(timeout=TIMEOUT_S) as stream:
            await stream.send_message(pb.LeaseKeepAliveRequest(id=lease), end=True)
            response = await stream.recv_message()
            return response.ttl if response else 0

    async def revoke_lease(self, lease: int) -> None:
        """End a lease and delete its keys."""
        await self._call("Lease/LeaseRevoke", pb.LeaseRevokeRequest(id=lease), pb.LeaseRevokeResponse)

    # -- transport --

    async def _call(self, method: str, request: Message, response: type[M], *, timeout_s: float = TIMEOUT_S) -> M:
        failures: list[str] = []
        for endpoint in self.endpoints:
            call: UnaryUnaryMethod[Message, M] = UnaryUnaryMethod(
                self._channel(endpoint), f"/etcdserverpb.{method}", type(request), response
            )
            try:
                return await call(request, timeout=timeout_s)
            except (OSError, StreamTerminatedError, asyncio.IncompleteReadError, TimeoutError) as error:
                failures.append(f"{endpoint}:{self._port}: {error or type(error).__name__}")
                self._drop(endpoint)
            except GRPCError as error:
                if error.status not in (Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED):
                    raise
                failures.append(f"{endpoint}:{self._port}: {error.message}")
        raise EtcdUnavailableError(f"etcd does not answer: {'; '.join(failures)}")

    def _channel(self, endpoint: str) -> Channel:
        channel = self._channels.get(endpoint)
        if channel is None:
            channel = self._channels[endpoint] = Channel(endpoint, self._port, ssl=self._context)
        return channel

    def _drop(self, endpoint: str) -> None:
        with suppress(KeyError):
            self._channels.pop(endpoint).close()


def etcd_context(ca: bytes, certificate: bytes, key: bytes) -> ssl.SSLContext:
    """TLS context of a client of etcd's gRPC port."""
    context = client_context(ca, certificate, key)
    context.set_alpn_protocols(["h2"])
    return context
