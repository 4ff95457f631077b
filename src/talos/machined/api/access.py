"""AccessService: why a call is or is not allowed; client certificates that carry a person's name, and their renewal."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from grpclib import GRPCError, Status

from talos import rbac
from talos.access.methods import resolve
from talos.api import pytalos_access_pb2 as pb
from talos.controllers.machine_config import ACTIVE, parse
from talos.controllers.secrets.pem import bundle
from talos.machined.rpc import Call, unary
from talos.pki import certificates
from talos.pki.certificates import Pair, Usage, load_certificate
from talos.pki.keys import PKIError, PublicKey
from talos.pki.requests import load_request
from talos.resources.config import MachineConfigSpec
from talos.resources.secrets import OSRootSpec
from talos.transport.identity import Identity, UnfitCertificate, from_certificate

SERVICE = "/pytalos.access.AccessService/"
DEFAULT_TTL = timedelta(hours=8760)
MAX_NAME = 64
"""RFC 5280, ub-common-name"""


@unary(SERVICE + "Explain")
async def explain(call: Call, request: pb.ExplainRequest) -> pb.ExplainResponse:
    """The decision about a call that is not made."""
    roles, caller = call.roles, call.caller
    if request.name or request.roles:
        call.require_role(rbac.ADMIN)
        roles = frozenset(request.roles)
        caller = Identity(request.name, tuple(request.roles), "", "somebody else's")
    method = _method(request.method)
    resource = (request.resource_namespace, request.resource_type) if request.resource_type else None
    access = call.node.access
    decision = access.policy.decide(access.question(method, roles, caller, resource), call.node.env.clock.now())
    return pb.ExplainResponse(
        method=method,
        allowed=decision.allowed,
        reason=decision.reason,
        steps=decision.steps,
        name=caller.common_name,
        roles=sorted(roles),
        fingerprint="" if request.name or request.roles else caller.fingerprint,
    )


def _method(text: str) -> str:
    found = resolve(text)
    if len(found) > 1:
        # Reboot, List: what a person means by a bare name is MachineService's.
        found = [method for method in found if method == f"/machine.MachineService/{text}"] or found
    if not found:
        raise GRPCError(Status.INVALID_ARGUMENT, f"{text!r} is no method: name it as Reboot, MachineService/Reboot")
    if len(found) > 1:
        raise GRPCError(Status.INVALID_ARGUMENT, f"{text!r} may mean {', '.join(found[:10])}: name one of them")
    return found[0]


@unary(SERVICE + "Issue")
async def issue(call: Call, request: pb.IssueRequest) -> pb.IssueResponse:
    """A client certificate with a name."""
    root = await _root(call)
    if not request.name or len(request.name) > MAX_NAME or not request.name.isprintable():
        raise GRPCError(Status.INVALID_ARGUMENT, f"name must be 1 to {MAX_NAME} printable characters")
    # Whoever holds os:impersonator speaks for others: no person gets that from here.
    if unknown := [role for role in request.roles if role not in rbac.KNOWN or role == rbac.IMPERSONATOR]:
        raise GRPCError(Status.INVALID_ARGUMENT, f"unknown roles: {', '.join(unknown)}")
    if not request.roles:
        raise GRPCError(Status.INVALID_ARGUMENT, "no role is given: name at least one, e.g. os:reader")
    ttl = request.crt_ttl.ToTimedelta() if request.HasField("crt_ttl") else DEFAULT_TTL
    if ttl <= timedelta(0):
        raise GRPCError(Status.INVALID_ARGUMENT, "crt_ttl should be positive")
    crt = _sign(call, root, _public_key(request.csr), request.name, tuple(request.roles), ttl)
    config = await call.node.state.get_or_none(MachineConfigSpec, ACTIVE)
    name = parse(config.spec.text).cluster.name if config is not None else "default"
    return pb.IssueResponse(ca=bundle(root.accepted_cas), crt=crt, cluster_name=name)


@unary(SERVICE + "Renew")
async def renew(call: Call, request: pb.RenewRequest) -> pb.RenewResponse:
    """The caller's certificate once more, from now on."""
    if not call.caller.fingerprint:
        raise GRPCError(Status.FAILED_PRECONDITION, "the call was made without a client certificate: nothing to renew")
    root = await _root(call)
    try:
        old = load_certificate(request.crt)
        shown = from_certificate(old.public_bytes(Encoding.DER), "")
    except (PKIError, UnfitCertificate, ValueError) as error:
        raise GRPCError(Status.INVALID_ARGUMENT, f"the certificate to renew is unreadable: {error}") from error
    # Everything below comes out of the certificate that TLS has verified, nothing out of the request.
    if shown.fingerprint != call.caller.fingerprint:
        raise GRPCError(Status.PERMISSION_DENIED, "not authorized: only the certificate shown can be renewed")
    if rbac.IMPERSONATOR in shown.organizations:
        raise GRPCError(Status.PERMISSION_DENIED, "not authorized: certificates of nodes are not renewed this way")
    lifetime = old.not_valid_after_utc - old.not_valid_before_utc
    crt = _sign(call, root, _public_key(request.csr), shown.common_name, shown.organizations, lifetime)
    return pb.RenewResponse(ca=bundle(root.accepted_cas), crt=crt)


async def _root(call: Call) -> OSRootSpec:
    root = await call.node.state.get_or_none(OSRootSpec, "os")
    if root is None or not root.spec.issuing_ca.key:
        raise GRPCError(Status.FAILED_PRECONDITION, "client certificates are signed on control plane nodes only")
    return root.spec


def _public_key(csr: bytes) -> PublicKey:
    try:
        request: x509.CertificateSigningRequest = load_request(csr)
        key = request.public_key()
    except (PKIError, ValueError) as error:
        raise GRPCError(Status.INVALID_ARGUMENT, f"csr: {error}") from error
    return key  # type: ignore[return-value]


def _sign(
    call: Call, root: OSRootSpec, key: PublicKey, name: str, organizations: tuple[str, ...], lifetime: timedelta
) -> bytes:
    authority = Pair(root.issuing_ca.crt.encode(), root.issuing_ca.key.encode())
    return certificates.issue(
        authority,
        key,
        common_name=name,
        organizations=organizations,
        usage=Usage.CLIENT,
        validity=lifetime,
        now=call.node.env.clock.now(),
    )
