"""A joining node gets a server certificate for the machine token, and nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from talos.controllers.secrets.certificate_request import RequestError, request_certificate
from talos.pki import keys
from talos.pki.certificates import Pair, issued_by, new_authority
from talos.pki.keys import Algorithm
from talos.pki.requests import new_request
from talos.resources.pem import CertificateAndKey
from talos.resources.secrets import OSRootSpec, TrustdCertsSpec
from talos.state import Resource
from talos.state.inmemory import InMemoryState
from talos.transport.calls import CallError
from talos.trustd.main import serve
from talos.trustd.server import TrustService
from talos.trustd.signer import Trust, admitted, sign

TOKEN = "abcdef.0123456789abcdef"


def request(**kwargs: object) -> bytes:
    key = keys.encode(keys.generate(Algorithm.ED25519))
    return new_request(key, **{"common_name": "worker", "ip_addresses": ["10.5.0.3"], **kwargs})  # type: ignore[arg-type]


@pytest.fixture
async def serving() -> AsyncIterator[tuple[TrustService, Pair, InMemoryState]]:
    from talos.pki.certificates import Usage, issue_pair

    authority = new_authority("talos")
    server = issue_pair(authority, common_name="cp", ip_addresses=["127.0.0.1"], usage=Usage.SERVER)
    state = InMemoryState()
    await state.create(
        Resource.new(
            OSRootSpec,
            "os",
            OSRootSpec(
                issuing_ca=CertificateAndKey(crt=authority.crt.decode(), key=authority.key.decode()), token=TOKEN
            ),
        )
    )
    await state.create(
        Resource.new(
            TrustdCertsSpec,
            "trustd",
            TrustdCertsSpec(server=CertificateAndKey(crt=server.crt.decode(), key=server.key.decode())),
        )
    )
    service = TrustService()
    task = asyncio.create_task(serve(state, "127.0.0.1", 0, service))
    async with asyncio.timeout(5):
        while service.trust is None or service.listener.door is None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    yield service, authority, state
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_certificate_of_a_worker(serving: tuple[TrustService, Pair, InMemoryState]) -> None:
    service, authority, _ = serving
    csr = request(organizations=["os:admin"], dns_names=["worker"])
    ca, crt = await request_certificate(["127.0.0.1"], TOKEN, csr, authority.crt, service.listener.port)
    assert ca.strip() == authority.crt.strip()
    assert issued_by(crt, authority.crt)
    certificate = x509.load_pem_x509_certificate(crt)
    assert certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME) == []
    assert [a.value for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["worker"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["10.5.0.3"]


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1]])
async def test_wrong_token(serving: tuple[TrustService, Pair, InMemoryState], token: str) -> None:
    service, authority, _ = serving
    with pytest.raises(RequestError, match="machine token"):
        await request_certificate(["127.0.0.1"], token, request(), authority.crt, service.listener.port)


async def test_other_authority_is_not_trusted(serving: tuple[TrustService, Pair, InMemoryState]) -> None:
    service, _, _ = serving
    with pytest.raises(RequestError, match="TLS handshake failed"):
        await request_certificate(["127.0.0.1"], TOKEN, request(), new_authority("talos").crt, service.listener.port)


async def test_next_endpoint_is_asked(serving: tuple[TrustService, Pair, InMemoryState]) -> None:
    service, authority, _ = serving
    _, crt = await request_certificate(
        ["127.0.0.77", "127.0.0.1"], TOKEN, request(), authority.crt, service.listener.port
    )
    assert issued_by(crt, authority.crt)


async def test_changed_token_counts_at_once(serving: tuple[TrustService, Pair, InMemoryState]) -> None:
    service, authority, state = serving

    def change(spec: OSRootSpec) -> None:
        spec.token = "new"

    await state.modify(OSRootSpec, "os", change)
    async with asyncio.timeout(5):
        while service.trust is None or service.trust.token != "new":  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    with pytest.raises(RequestError):
        await request_certificate(["127.0.0.1"], TOKEN, request(), authority.crt, service.listener.port)


def test_empty_token_admits_nobody() -> None:
    assert not admitted("", "")
    assert admitted("a", "a")
    authority = new_authority("talos")
    with pytest.raises(CallError, match="machine token"):
        sign(Trust(authority, authority.crt, ""), "", request())
    with pytest.raises(CallError, match="no authority"):
        sign(None, "x", request())
    with pytest.raises(CallError, match="unusable certificate request"):
        sign(Trust(authority, authority.crt, "t"), "t", b"junk")
