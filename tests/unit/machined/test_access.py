"""Grants in machined, explanations, and certificates with names: over the node's real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.server import Server

from talos import rbac
from talos.access.policy import NONE, Grant, Policy
from talos.api import cosi_resource_pb2 as cosi
from talos.api import machine_pb2
from talos.api import pytalos_access_pb2 as pb
from talos.machined import rpc
from talos.machined.node import Node
from talos.pki import certificates, keys
from talos.pki.certificates import Pair, Usage, load_certificate
from talos.pki.requests import new_request
from talos.resources.cluster import MemberSpec
from talos.resources.pem import Certificate, CertificateAndKey
from talos.resources.secrets import OSRootSpec
from talos.state import Resource
from talos.transport.identity import CALLER_KEY, Identity, from_certificate

M = "/machine.MachineService/"
ACCESS = "/pytalos.access.AccessService/"
AUTHORITY = certificates.new_authority("talos")
rpc.load_handlers()


class Api:
    def __init__(self, node: Node, channel: Channel) -> None:
        self.node, self.channel = node, channel

    def grant(self, policy: Policy) -> None:
        self.node.config.current = SimpleNamespace(  # type: ignore[assignment]
            access=SimpleNamespace(policy=policy), machine=SimpleNamespace(env={})
        )

    async def call(
        self, path: str, request: Any, response: type[Any], role: str = rbac.ADMIN, caller: Identity | None = None
    ) -> Any:
        who = caller or Identity("alice", (role,), "1f", "ab" * 32, "10.0.0.9:1")
        metadata = {rpc.ROLE_KEY: role, CALLER_KEY: who.encode()}
        return await UnaryUnaryMethod(self.channel, path, type(request), response)(request, metadata=metadata)

    async def refused(self, *arguments: Any, **more: Any) -> GRPCError:
        with pytest.raises(GRPCError) as caught:
            await self.call(*arguments, **more)
        return caught.value


@pytest.fixture
async def api(make_node: Callable[..., Node], tmp_path: Path) -> AsyncIterator[Api]:
    node = make_node()
    server = Server([rpc.MachineApi(node, rbac.allowed)])
    await server.start(path=str(tmp_path / "machine.sock"))
    channel = Channel(path=str(tmp_path / "machine.sock"))
    yield Api(node, channel)
    channel.close()
    server.close()
    await server.wait_closed()


VERSION = (M + "Version", Empty(), machine_pb2.VersionResponse)


async def test_machined_decides_too(api: Api) -> None:
    api.grant(Policy((Grant("alice", ("alice",), ("Reboot",)),)))
    error = await api.refused(*VERSION)
    assert error.status is Status.PERMISSION_DENIED
    assert error.message == "not authorized: no grant for alice covers it (talosctl auth why Version)"
    assert await api.call(*VERSION, caller=Identity("bob", (), "2", "cd" * 32))
    assert await api.call(*VERSION, caller=Identity())  # the node itself
    api.grant(Policy(serials=frozenset({"1f"})))
    assert "revoked by its serial number" in str((await api.refused(*VERSION)).message)
    api.grant(NONE)
    assert await api.call(*VERSION)


async def test_resource_types_are_limited(api: Api) -> None:
    await api.node.state.create(Resource.new(MemberSpec, "one", MemberSpec()))
    get = (
        "/cosi.resource.State/Get",
        cosi.GetRequest(namespace="cluster", type="Members.cluster.talos.dev", id="one"),
        cosi.GetResponse,
    )
    state = "cosi.resource.State/*"
    api.grant(Policy((Grant("alice", ("alice",), (state,), resources=("Members.cluster.talos.dev",)),)))
    assert (await api.call(*get)).resource.metadata.id == "one"
    api.grant(Policy((Grant("alice", ("alice",), (state,), resources=("Services.*",)),)))
    error = await api.refused(*get)
    assert error.status is Status.PERMISSION_DENIED and "not authorized" in str(error.message)


async def explained(api: Api, method: str, role: str = rbac.ADMIN, **fields: Any) -> Any:
    return await api.call(ACCESS + "Explain", pb.ExplainRequest(method=method, **fields), pb.ExplainResponse, role)


async def test_a_decision_is_explained_step_by_step(api: Api) -> None:
    api.grant(Policy((Grant("night", ("al*",), ("Reboot",), nodes=("other",)),), names=("mallory",)))
    answer = await explained(api, "Reboot", rbac.OPERATOR)
    assert not answer.allowed and answer.method == M + "Reboot" and answer.name == "alice"
    assert list(answer.steps) == [
        "role: os:operator may call it",
        "revocation: the certificate is not revoked",
        "grant night: is for other nodes",
    ]
    assert answer.reason.startswith("not authorized: no grant for alice")
    by_role = await explained(api, "Reset", rbac.READER)
    assert not by_role.allowed and "os:reader may not call it; os:admin may" in by_role.steps[0]


async def test_only_administrators_ask_about_others(api: Api) -> None:
    api.grant(Policy((Grant("ci", ("ci-*",), ("EtcdSnapshot",)),)))
    assert (await explained(api, "EtcdSnapshot", name="ci-1", roles=["os:operator"])).allowed
    assert not (await explained(api, "Reboot", name="ci-1", roles=["os:operator"])).allowed
    with pytest.raises(GRPCError) as caught:
        await explained(api, "Reboot", rbac.READER, name="ci-1", roles=["os:operator"])
    assert caught.value.status is Status.PERMISSION_DENIED


@pytest.mark.parametrize("method", ["", "Nosuch", "Etcd*"])
async def test_a_method_must_be_one(api: Api, method: str) -> None:
    with pytest.raises(GRPCError) as caught:
        await explained(api, method)
    assert caught.value.status is Status.INVALID_ARGUMENT


@pytest.fixture
async def root(api: Api) -> None:
    spec = OSRootSpec(
        issuing_ca=CertificateAndKey(AUTHORITY.crt.decode(), AUTHORITY.key.decode()),
        accepted_cas=[Certificate(AUTHORITY.crt.decode())],
    )
    await api.node.state.create(Resource.new(OSRootSpec, "os", spec))


def request() -> tuple[bytes, bytes]:
    key = keys.encode(keys.generate(keys.Algorithm.ED25519))
    # what a request says of itself counts for nothing
    return new_request(key, common_name="root", organizations=["os:admin"]), key


async def test_a_certificate_carries_the_name(api: Api, root: None) -> None:
    csr, key = request()
    asked = pb.IssueRequest(csr=csr, name="Zoë Ångström", roles=["os:reader"])
    asked.crt_ttl.FromTimedelta(timedelta(hours=2))
    answer = await api.call(ACCESS + "Issue", asked, pb.IssueResponse)
    made = load_certificate(answer.crt)
    identity = from_certificate(made.public_bytes(Encoding.DER), "")
    assert (identity.common_name, identity.organizations) == ("Zoë Ångström", ("os:reader",))
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(hours=2)
    assert certificates.matches(Pair(answer.crt, key)) and certificates.issued_by(answer.crt, AUTHORITY.crt)
    assert answer.ca == AUTHORITY.crt


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\nb"},
        {"roles": []},
        {"roles": ["os:god"]},
        {"roles": ["os:impersonator"]},
        {"csr": b"none"},
    ],
)
async def test_a_bad_request_makes_no_certificate(api: Api, root: None, fields: dict[str, Any]) -> None:
    asked = pb.IssueRequest(**{"csr": request()[0], "name": "bob", "roles": ["os:reader"], **fields})
    assert (await api.refused(ACCESS + "Issue", asked, pb.IssueResponse)).status is Status.INVALID_ARGUMENT


async def test_nobody_but_administrators_issues(api: Api, root: None) -> None:
    asked = pb.IssueRequest(csr=request()[0], name="bob", roles=["os:admin"])
    error = await api.refused(ACCESS + "Issue", asked, pb.IssueResponse, role=rbac.OPERATOR)
    assert error.status is Status.PERMISSION_DENIED


def held(name: str = "bob", role: str = rbac.READER, life: timedelta = timedelta(hours=9)) -> tuple[bytes, Identity]:
    made = certificates.issue_pair(AUTHORITY, common_name=name, organizations=[role], usage=Usage.CLIENT, validity=life)
    der = load_certificate(made.crt).public_bytes(Encoding.DER)
    return made.crt, from_certificate(der, "10.0.0.9:1")


async def test_a_renewed_certificate_says_what_the_old_one_did(api: Api, root: None) -> None:
    old, who = held()
    csr, key = request()
    asked = pb.RenewRequest(csr=csr, crt=old)
    answer = await api.call(ACCESS + "Renew", asked, pb.RenewResponse, rbac.READER, who)
    new = load_certificate(answer.crt)
    assert new.subject == load_certificate(old).subject
    assert new.not_valid_after_utc - new.not_valid_before_utc == timedelta(hours=9)
    assert certificates.matches(Pair(answer.crt, key))


async def test_only_the_certificate_shown_is_renewed(api: Api, root: None) -> None:
    admin, _ = held("root", rbac.ADMIN)
    _, bob = held()
    asked = pb.RenewRequest(csr=request()[0], crt=admin)
    error = await api.refused(ACCESS + "Renew", asked, pb.RenewResponse, role=rbac.READER, caller=bob)
    assert error.status is Status.PERMISSION_DENIED
    node, between = held("cp-1", rbac.IMPERSONATOR)
    asked = pb.RenewRequest(csr=request()[0], crt=node)
    error = await api.refused(ACCESS + "Renew", asked, pb.RenewResponse, role=rbac.ADMIN, caller=between)
    assert error.status is Status.PERMISSION_DENIED
    asked = pb.RenewRequest(csr=request()[0], crt=b"none")
    error = await api.refused(ACCESS + "Renew", asked, pb.RenewResponse, role=rbac.READER, caller=bob)
    assert error.status is Status.INVALID_ARGUMENT


async def test_renewal_can_be_granted_or_not(api: Api, root: None) -> None:
    old, who = held()
    api.grant(Policy((Grant("bob", ("bob",), ("Version",)),)))
    asked = pb.RenewRequest(csr=request()[0], crt=old)
    error = await api.refused(ACCESS + "Renew", asked, pb.RenewResponse, role=rbac.READER, caller=who)
    assert "no grant for bob" in str(error.message)


async def test_a_worker_signs_nothing(api: Api) -> None:
    asked = pb.IssueRequest(csr=request()[0], name="bob", roles=["os:reader"])
    assert (await api.refused(ACCESS + "Issue", asked, pb.IssueResponse)).status is Status.FAILED_PRECONDITION
