"""Kubeconfig and GenerateClientConfiguration: credentials for people."""

from __future__ import annotations

import gzip
import io
import tarfile
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from grpclib import GRPCError, Status

from talos import rbac
from talos.api import common_pb2, machine_pb2
from talos.controllers.machine_config import ACTIVE, parse
from talos.controllers.secrets.pem import bundle
from talos.kubernetes.kubeconfig import admin_kubeconfig, dump
from talos.machined.api.etcd import KUBECONFIG, not_here
from talos.machined.rpc import Call, server_stream, unary
from talos.pki.certificates import Pair, Usage, api_client, issue_pair
from talos.resources.config import MachineConfigSpec
from talos.resources.secrets import KubernetesRootSpec, OSRootSpec

CHUNK = 32 * 1024
DEFAULT_TTL = timedelta(hours=8760)


@server_stream("/machine.MachineService/Kubeconfig")
async def kubeconfig(call: Call, _request: Any) -> AsyncIterator[common_pb2.Data]:
    """A fresh administrator's kubeconfig, as the one file of a gzipped tar."""
    root = await call.node.state.get_or_none(KubernetesRootSpec, "k8s")
    if root is None:
        raise not_here(call, KUBECONFIG)
    lifetime = DEFAULT_TTL
    config = await call.node.state.get_or_none(MachineConfigSpec, ACTIVE)
    if config is not None:
        lifetime = timedelta(seconds=parse(config.spec.text).cluster.admin_kubeconfig_lifetime_s)
    text = administrator_kubeconfig(root.spec, lifetime, call.node.env.clock.now())
    data = archive("kubeconfig", text.encode())
    for start in range(0, len(data), CHUNK):
        yield common_pb2.Data(bytes=data[start : start + CHUNK])


def administrator_kubeconfig(root: KubernetesRootSpec, lifetime: timedelta, now: datetime) -> str:
    """kubeconfig with a new client certificate of the group system:masters."""
    client = issue_pair(
        Pair(root.issuing_ca.crt.encode(), root.issuing_ca.key.encode()),
        common_name="admin",
        organizations=["system:masters"],
        usage=Usage.CLIENT,
        key_encipherment=True,
        validity=lifetime,
        now=now,
    )
    return admin_kubeconfig(
        cluster=root.name,
        user="admin",
        server=root.endpoint,
        ca=bundle(root.accepted_cas),
        certificate=client.crt,
        key=client.key,
    )


def archive(name: str, content: bytes) -> bytes:
    """A gzipped tar with one file, mode 0600."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o600
        tar.addfile(info, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


@unary("/machine.MachineService/GenerateClientConfiguration")
async def generate_client_configuration(
    call: Call, request: machine_pb2.GenerateClientConfigurationRequest
) -> machine_pb2.GenerateClientConfigurationResponse:
    """A talosconfig with a new client certificate of the roles asked for."""
    root = await call.node.state.get_or_none(OSRootSpec, "os")
    if root is None or not root.spec.issuing_ca.key:
        raise GRPCError(Status.UNIMPLEMENTED, "client configuration can be generated on control plane nodes only")
    roles = list(request.roles)
    if unknown := [role for role in roles if role not in rbac.KNOWN]:
        raise GRPCError(Status.INVALID_ARGUMENT, f"unknown roles: {', '.join(unknown)}")
    if not roles:
        raise GRPCError(Status.INVALID_ARGUMENT, "no role is given: name at least one, e.g. os:reader")
    ttl = request.crt_ttl.ToTimedelta() if request.HasField("crt_ttl") else DEFAULT_TTL
    if ttl <= timedelta(0):
        raise GRPCError(Status.INVALID_ARGUMENT, "crt_ttl should be positive")
    authority = Pair(root.spec.issuing_ca.crt.encode(), root.spec.issuing_ca.key.encode())
    client = api_client(authority, roles, validity=ttl, now=call.node.env.clock.now())
    ca = bundle(root.spec.accepted_cas)
    config = await call.node.state.get_or_none(MachineConfigSpec, ACTIVE)
    name = parse(config.spec.text).cluster.name if config is not None else "default"
    text = talosconfig(name, ca=ca, crt=client.crt, key=client.key)
    message = machine_pb2.GenerateClientConfiguration(ca=ca, crt=client.crt, key=client.key, talosconfig=text.encode())
    return machine_pb2.GenerateClientConfigurationResponse(messages=[message])


def talosconfig(name: str, *, ca: bytes, crt: bytes, key: bytes) -> str:
    """YAML with one context; its endpoints are for the person to fill in, who knows how the nodes are reached."""
    context = {"endpoints": [], "ca": _base64(ca), "crt": _base64(crt), "key": _base64(key)}
    return dump({"context": name, "contexts": {name: context}})


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
