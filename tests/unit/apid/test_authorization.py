"""Who may call what: every method × every role, and × every certificate that is none, over TLS through a real apid.

What is expected comes from roles_by_method.txt, written from the wire contract, so that a slip in talos.rbac shows.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from grpclib.client import UnaryStreamMethod

from talos import rbac
from talos.client.tls import client_context, unverified_client_context
from talos.grpc_channel import Channel

from .conftest import Cluster
from .pki import Authority, Pair

ADMIN, READER = "os:admin", "os:reader"
ROLES = ("os:admin", "os:operator", "os:reader", "os:etcd:backup", "os:image:verifier", "os:meta:writer",
         "os:impersonator")  # fmt: skip
UNKNOWN = "/machine.MachineService/NoSuchMethod"
_CONTRACT: dict[str, tuple[frozenset[str], frozenset[str]]] = {UNKNOWN: (frozenset({ADMIN}), frozenset({ADMIN}))}
for _line in (Path(__file__).parent / "roles_by_method.txt").read_text().splitlines():
    if _line.startswith("/"):
        _path, *_roles = _line.split()
        _always = frozenset(role for role in _roles if role.startswith("os:"))
        _only = frozenset(role.partition(":")[2] for role in _roles if role.startswith("maintenance-only:"))
        _CONTRACT[_path] = (_always - _only, _always)


def expected(path: str, role: str, maintenance: bool) -> bool:
    configured, in_maintenance = _CONTRACT[path]
    return role in (in_maintenance if maintenance else configured)


async def refused(channel: Channel, path: str) -> str | None:
    """Text of the refusal; None if the call was let through, whatever became of it then."""
    try:
        async with asyncio.timeout(20), UnaryStreamMethod(channel, path, Empty, Empty).open() as stream:
            await stream.send_message(Empty(), end=True)
            while await stream.recv_message() is not None:
                pass
    except GRPCError as error:
        if error.status is Status.PERMISSION_DENIED:
            return str(error.message)
    return None


def connect(cluster: Cluster, context: ssl.SSLContext) -> Channel:
    host, _, port = cluster.first.endpoint.rpartition(":")
    return Channel(host, int(port), ssl=context)


@pytest.fixture
async def quiet(cluster: Cluster) -> AsyncIterator[Cluster]:
    """A cluster whose machined keeps no call open."""
    cluster.first.backend.release.set()
    yield cluster


@pytest.mark.slow
@pytest.mark.parametrize("role", [*ROLES, "", "os:nosuch"])
async def test_every_method_for_one_role(quiet: Cluster, role: str) -> None:
    pair = quiet.ca.issue("person", (role,))
    channel = connect(quiet, client_context([quiet.ca.pem], pair.certificate, pair.key))
    wrong = []
    for path in _CONTRACT:
        text = await refused(channel, path)
        if (text is None) is not expected(path, role, maintenance=False):
            wrong.append(f"{path}: {text or 'let through'}")
        if text is not None:
            needed = _CONTRACT[path][0]
            assert text.startswith("not authorized"), text
            assert all(one in text for one in needed), f"{path}: {text!r} names not all of {sorted(needed)}"
            assert not any(one in text.partition("needs ")[2].partition(";")[0] for one in set(ROLES) - needed), text
    channel.close()
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
async def test_every_method_for_a_pair_of_roles_is_what_either_may(quiet: Cluster) -> None:
    pair = quiet.ca.issue("person", ("os:etcd:backup", "", "os:meta:writer", "os:nosuch"))
    channel = connect(quiet, client_context([quiet.ca.pem], pair.certificate, pair.key))
    for path in _CONTRACT:
        either = any(expected(path, role, False) for role in ("os:etcd:backup", "os:meta:writer"))
        assert (await refused(channel, path) is None) is either, path
    channel.close()


@pytest.mark.slow
async def test_every_method_in_maintenance_mode_is_a_readers(quiet: Cluster) -> None:
    quiet.first.maintain()
    channel = connect(quiet, unverified_client_context())
    for path in _CONTRACT:
        text = await refused(channel, path)
        assert (text is None) is expected(path, READER, maintenance=True), path
        assert text is None or "maintenance mode" in text, text
    channel.close()


def contexts(cluster: Cluster) -> dict[str, ssl.SSLContext]:
    """Certificates that are none, each as a client presents it."""
    stranger = Authority()
    bare = ssl.create_default_context(cadata=cluster.ca.pem.decode())
    bare.set_alpn_protocols(["h2"])
    bare.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    pairs: dict[str, Pair] = {
        "another cluster's": stranger.issue("admin", (ADMIN,)),
        "expired": cluster.ca.issue("admin", (ADMIN,), days=-1),
        "not yet valid": cluster.ca.issue("admin", (ADMIN,), starts=timedelta(days=1), days=2),
        "a server's": cluster.ca.server("127.0.0.1"),
    }
    made = {name: client_context([cluster.ca.pem], pair.certificate, pair.key) for name, pair in pairs.items()}
    return {"none at all": bare, **made}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["none at all", "another cluster's", "expired", "not yet valid", "a server's"])
async def test_no_method_without_a_good_certificate(quiet: Cluster, kind: str) -> None:
    context = contexts(quiet)[kind]
    for path in _CONTRACT:
        channel = connect(quiet, context)
        with pytest.raises(Exception) as caught:
            async with asyncio.timeout(20):
                await UnaryStreamMethod(channel, path, Empty, Empty)(Empty())
        assert not isinstance(caught.value, (GRPCError, TimeoutError, AssertionError)), (path, caught.value)
        channel.close()
    assert quiet.first.backend.seen == []


def test_the_table_is_the_contracts() -> None:
    ours = {
        path: (roles, rbac.needed(path), rbac.needed(path, maintenance=True)) for path, roles in rbac.METHODS.items()
    }
    for path, (configured, in_maintenance) in _CONTRACT.items():
        assert (rbac.needed(path), rbac.needed(path, maintenance=True)) == (configured, in_maintenance), path
    assert {path for path in ours if not path.startswith("/pytalos.")} == set(_CONTRACT) - {UNKNOWN}


async def test_nodes_answers_a_refusal_for_each_of_them(quiet: Cluster) -> None:
    """recorded/wire/reboot-reader-nodes-two.txt: the call succeeds, each node's message carries the refusal."""
    pair = quiet.ca.issue("person", (READER,))
    async with quiet.client(pair) as client:
        answer = await client.call("/machine.MachineService/Reboot", nodes=["127.0.0.1", "127.0.0.2"])
    found = [(m.metadata.hostname, m.metadata.status.code, m.metadata.status.message[:14]) for m in answer.messages]
    assert found == [("127.0.0.1", 7, "not authorized"), ("127.0.0.2", 7, "not authorized")]
    assert quiet.first.backend.seen == quiet.second.backend.seen == []
