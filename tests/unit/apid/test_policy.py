"""Grants and revocations at the door: every call and what is open already, here and where a call is passed on to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from grpclib.const import Status

from talos.access.policy import NONE, Grant, Policy
from talos.api import cosi_resource_pb2, machine_pb2
from talos.client import ApiError, Client
from talos.client.tls import client_context
from talos.transport.identity import from_certificate

from .conftest import Cluster, M
from .pki import Pair

FOLLOW = machine_pb2.LogsRequest(id="apid", follow=True)


def fingerprint(pair: Pair) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    der = x509.load_pem_x509_certificate(pair.certificate).public_bytes(Encoding.DER)
    return from_certificate(der, "").fingerprint


def alice(cluster: Cluster) -> tuple[Client, Pair]:
    pair = cluster.ca.issue("alice", ("os:admin",))
    return Client([cluster.first.endpoint], client_context([cluster.ca.pem], pair.certificate, pair.key)), pair


async def refused(client: Client, method: str = "Version", node: str = "") -> str:
    with pytest.raises(ApiError) as caught:
        await client.call(M + method, node=node)
    assert caught.value.status is Status.PERMISSION_DENIED
    assert caught.value.text.startswith("not authorized")
    return caught.value.text


@pytest.mark.parametrize(("node", "where"), [("", "first"), ("127.0.0.2", "first"), ("127.0.0.2", "second")])
async def test_a_revoked_certificate_is_cut_off_with_its_open_streams(cluster: Cluster, node: str, where: str) -> None:
    client, pair = alice(cluster)
    deciding = getattr(cluster, where)
    async with client, cluster.client() as other, asyncio.timeout(60):
        mine, theirs = (c.stream(M + "Logs", FOLLOW, node=node) for c in (client, other))
        assert await anext(mine) and await anext(theirs)
        deciding.service.use_policy(Policy(fingerprints=frozenset({fingerprint(pair)})))
        with pytest.raises(ApiError) as caught:
            await anext(mine)
        assert caught.value.status is Status.PERMISSION_DENIED
        assert caught.value.text == "not authorized: the certificate is revoked by its fingerprint"
        assert "revoked" in await refused(client, node=node)
        assert (await other.call(M + "Version", node=node)).messages
        cluster.second.backend.release.set()
        cluster.first.backend.release.set()
        assert [chunk async for chunk in theirs] == []  # the stream of another ended when its node ended it
    assert deciding.service.exchanges == set()


async def test_grants_decide_by_name_here_and_on_the_target(cluster: Cluster) -> None:
    client, _ = alice(cluster)
    async with client, asyncio.timeout(60):
        cluster.second.service.use_policy(Policy((Grant("alice", ("alice",), ("Reboot",)),)))
        assert (await client.call(M + "Version")).messages
        assert "no grant for alice covers it" in await refused(client, node="127.0.0.2")
        assert (await client.call(M + "Reboot", node="127.0.0.2")).messages
        cluster.first.service.use_policy(Policy((Grant("alice", ("al*",), ("Version",)),)))
        await refused(client, "Reboot", "127.0.0.2")
        seen = [path for path, _ in cluster.second.backend.seen]
        assert seen == [M + "Reboot"]
        cluster.first.service.use_policy(NONE)
        assert (await client.call(M + "Reboot", node="127.0.0.2")).messages


async def test_a_grant_for_other_nodes_passes_the_call_on_and_is_refused_here(cluster: Cluster) -> None:
    client, _ = alice(cluster)
    policy = Policy((Grant("alice", ("alice",), ("*",), nodes=("127.0.0.2",)),))
    async with client, asyncio.timeout(60):
        cluster.first.service.use_policy(policy)
        cluster.second.service.use_policy(policy)
        await refused(client)
        assert (await client.call(M + "Version", node="127.0.0.2")).messages


async def test_several_nodes_at_once_are_refused_one_by_one(cluster: Cluster) -> None:
    client, _ = alice(cluster)
    cluster.first.service.use_policy(Policy((Grant("alice", ("alice",), ("Reboot",)),)))
    async with client, asyncio.timeout(60):
        answer = await client.call(M + "Version", nodes=["127.0.0.1", "127.0.0.2"])
    assert [message.metadata.status.code for message in answer.messages] == [7, 7]
    assert cluster.first.backend.seen == cluster.second.backend.seen == []


async def test_a_stream_ends_when_its_grant_runs_out(cluster: Cluster) -> None:
    client, _ = alice(cluster)
    async with client, asyncio.timeout(60):
        lines = client.stream(M + "Logs", FOLLOW)
        assert await anext(lines)
        end = datetime.now(UTC) + timedelta(seconds=0.1)
        cluster.first.service.use_policy(Policy((Grant("alice", ("alice",), ("Logs",), not_after=end),)))
        with pytest.raises(ApiError) as caught:
            await anext(lines)
        assert caught.value.status is Status.PERMISSION_DENIED
        assert datetime.now(UTC) >= end


async def test_until_the_policy_is_known_nothing_is_passed_on(cluster: Cluster) -> None:
    client, _ = alice(cluster)
    cluster.first.service.policy = None
    async with client, asyncio.timeout(60):
        assert (await client.call(M + "Version")).messages  # machined decides by itself
        assert "try again" in await refused(client, node="127.0.0.2")
        cluster.first.service.use_policy(NONE)
        assert (await client.call(M + "Version", node="127.0.0.2")).messages


async def test_the_record_of_a_cut_stream_says_why(cluster: Cluster) -> None:
    client, _ = alice(cluster)
    async with client, asyncio.timeout(60):
        lines = client.stream(M + "Logs", FOLLOW)
        assert await anext(lines)
        cluster.first.service.use_policy(Policy(names=("alice",)))
        with pytest.raises(ApiError):
            await anext(lines)
        while not any(record.code for record in cluster.first.backend.audit):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    (record,) = [record for record in cluster.first.backend.audit if record.code]
    assert (record.code, record.message) == (7, "not authorized: certificates of alice are revoked")
    assert cosi_resource_pb2.DESCRIPTOR
