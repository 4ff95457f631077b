"""Who gets in: certificates, maintenance mode, change of certificates, the local socket."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from grpclib import GRPCError
from grpclib.client import Channel
from grpclib.const import Cardinality, Status
from msgspec.structs import replace

from talos import api
from talos.client import ApiError, Client
from talos.client.channel import spki_fingerprint
from talos.client.tls import client_context, server_context

from .conftest import Cluster, M
from .pki import Authority, Pair

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


async def refused(client: Client) -> str:
    async with client:
        with pytest.raises(ApiError) as caught:
            await client.call(M + "Version", timeout=5)
    assert caught.value.status is Status.UNAVAILABLE
    return caught.value.text


@pytest.mark.parametrize(
    ("kind", "logged"),
    [
        ("none", "no client certificate"),
        ("foreign", "client certificate not accepted"),
        ("expired", "certificate has expired"),
        ("both usages", "not exactly clientAuth"),
        ("server usage", "client certificate not accepted"),
        ("no usage", "not exactly clientAuth"),
    ],
)
async def test_refused_and_logged_with_peer_and_reason(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, kind: str, logged: str
) -> None:
    pair = {
        "none": Pair(b"", b""),
        "foreign": Authority().issue("x", ("os:admin",)),
        "expired": cluster.ca.issue("x", ("os:admin",), days=-1),
        "both usages": cluster.ca.issue("x", ("os:admin",), usage=(SERVER, CLIENT)),
        "server usage": cluster.ca.issue("x", ("os:admin",), usage=(SERVER,)),
        "no usage": cluster.ca.issue("x", ("os:admin",), usage=()),
    }[kind]
    with caplog.at_level(logging.WARNING, "apid"):
        await refused(Client([cluster.first.endpoint], client_context([cluster.ca.pem], pair.certificate, pair.key)))
        async with asyncio.timeout(5):
            while not any(logged in r.getMessage() for r in caplog.records):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    line = next(r.getMessage() for r in caplog.records if logged in r.getMessage())
    assert "127.0.0.1:" in line
    assert cluster.first.backend.seen == []


async def test_client_says_why_it_was_refused(cluster: Cluster) -> None:
    def context(pair: Pair) -> Client:
        return Client([cluster.first.endpoint], client_context([cluster.ca.pem], pair.certificate, pair.key))

    assert "asks for a client certificate" in await refused(Client.insecure(cluster.first.endpoint))
    assert "another CA" in await refused(context(Authority().issue("x", ("os:admin",))))
    assert "expired" in await refused(context(cluster.ca.issue("x", ("os:admin",), days=-1)))
    other = Client(
        [cluster.first.endpoint], client_context([Authority().pem], cluster.admin.certificate, cluster.admin.key)
    )
    assert "not signed by the CA of this talosconfig" in await refused(other)


async def test_plain_text_and_tls12_are_refused(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    import ssl

    caplog.set_level(logging.WARNING, "apid")
    port = cluster.first.service.listener.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(5):
        assert b"HTTP/1.1 200" not in await reader.read()
    writer.close()
    old = client_context([cluster.ca.pem], cluster.admin.certificate, cluster.admin.key)
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection("127.0.0.1", port, ssl=old)
    text = caplog.text
    assert "plain HTTP" in text
    assert "no TLS 1.3" in text


async def test_maintenance_mode(cluster: Cluster) -> None:
    node = cluster.first
    node.maintain(accepted_cas=(), client_certificate=b"", client_key=b"", routing_disabled=True)
    async with Client.insecure(node.endpoint) as client:
        assert (await client.call(M + "Version")).messages
        with pytest.raises(ApiError, match="not authorized"):
            await client.call(M + "Reboot")
        with pytest.raises(ApiError) as caught:  # allowed through: machined decides, this one does not know the method
            await client.call(M + "ApplyConfiguration")
        assert caught.value.status is Status.UNIMPLEMENTED
        with pytest.raises(ApiError, match="maintenance mode") as caught:
            await client.call(M + "Version", node="127.0.0.2")
        assert caught.value.status is Status.PERMISSION_DENIED
    assert node.backend.seen[0][1]["talos-role"] == ["os:reader"]


async def test_fingerprint_is_pinned(cluster: Cluster) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    node = cluster.first
    node.maintain()
    der = x509.load_pem_x509_certificate(node.credentials.server_certificate).public_bytes(serialization.Encoding.DER)
    async with Client.insecure(node.endpoint, [spki_fingerprint(der)]) as client:
        assert (await client.call(M + "Version")).messages
    assert "none of those given" in await refused(Client.insecure(node.endpoint, ["A" * 43 + "="]))


async def test_leaving_maintenance_closes_its_connections(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talos.apid.service.MAINTENANCE_GRACE_S", 0.0)
    node = cluster.first
    node.maintain()
    async with Client.insecure(node.endpoint) as client:
        assert (await client.call(M + "Version")).messages
        node.service.apply(node.credentials)
        await asyncio.sleep(0.05)
        with pytest.raises(ApiError, match="asks for a client certificate"):
            await client.call(M + "Version")


async def test_new_certificates_need_no_new_listener(cluster: Cluster) -> None:
    node = cluster.first
    other = Authority()
    serving = other.server("127.0.0.1")
    async with cluster.client() as old:
        assert (await old.call(M + "Version")).messages
        node.service.apply(
            replace(
                node.credentials,
                accepted_cas=(other.pem,),
                server_certificate=serving.certificate,
                server_key=serving.key,
            )
        )
        assert (await old.call(M + "Version")).messages  # connections of before stay
        admin = other.issue("admin", ("os:admin",))
        async with Client([node.endpoint], client_context([other.pem], admin.certificate, admin.key)) as new:
            assert (await new.call(M + "Version")).messages
        await refused(cluster.client())


async def test_unusable_certificates_change_nothing(cluster: Cluster) -> None:
    node = cluster.first
    with pytest.raises(ValueError, match="does not belong"):
        node.service.apply(replace(node.credentials, server_key=cluster.admin.key))
    async with cluster.client() as client:
        assert (await client.call(M + "Version")).messages


async def test_configured_node_does_not_open_its_door_again(cluster: Cluster) -> None:
    node = cluster.first
    with pytest.raises(ValueError, match="maintenance"):
        node.service.apply(replace(node.credentials, maintenance=True))
    assert "asks for a client certificate" in await refused(Client.insecure(node.endpoint))


async def test_local_socket_takes_the_roles_that_are_stated(cluster: Cluster, tmp_path: Path) -> None:
    path = str(tmp_path / "apid.sock")
    await cluster.first.service.listen_local(path)
    kinds = api.method_types(M + "Version")
    channel = Channel(path=path)
    try:
        for roles, allowed in ((["os:reader"], True), ([], False), (["pytalos:apid"], False)):
            request = channel.request(
                M + "Version",
                Cardinality.UNARY_UNARY,
                kinds.request,
                kinds.response,
                metadata=[("talos-role", r) for r in roles],
            )
            if allowed:
                async with request as stream:
                    await stream.send_message(kinds.request(), end=True)
                    assert await stream.recv_message()
            else:
                with pytest.raises(GRPCError, match="not authorized"):
                    async with request as stream:
                        await stream.send_message(kinds.request(), end=True)
                        await stream.recv_message()
    finally:
        channel.close()


def test_key_of_another_certificate_is_named() -> None:
    ca = Authority()
    with pytest.raises(ValueError, match="does not belong"):
        server_context(ca.server("127.0.0.1").certificate, ca.server("127.0.0.1").key)
    with pytest.raises(ValueError, match="unreadable"):
        server_context(b"junk", b"junk")
