"""Who the kubelet is to the API server when it starts.

Left alone, a kubelet that finds no API server, or has no certificate yet, tries again after 2, 4, 8 seconds, first to
request the certificate, then to register, then to list Services: most of a cluster's first start would be that. So the
kubelet starts when it can succeed:

- A certificate from before (a reboot) is used as it is; only the kubeconfig, which lives in memory, is made again.
- A control plane node holds the authority's key: it issues the certificate itself (kubeadm does the same).
- For a worker that joins, the node itself goes through TLS bootstrap with the token: it requests the certificate as the
  kubelet would, and follows the request until it is answered.

The kubelet renews the certificate itself in all three cases.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from cryptography.x509.oid import NameOID

from talos.controllers.files_on_disk import write_file
from talos.controllers.k8s.kubelet_configuration import BOOTSTRAP_KUBECONFIG, KUBECONFIG, PKI_DIR
from talos.environment import NodeEnvironment
from talos.kubernetes import Client, Kind
from talos.kubernetes.kubeconfig import dump
from talos.pki import keys
from talos.pki.certificates import (
    CLIENT_VALIDITY,
    Pair,
    Usage,
    issue_pair,
    issued_by,
    load_certificate,
    new_authority,
    not_after,
)
from talos.pki.keys import Algorithm, PKIError
from talos.pki.requests import new_request
from talos.resources.secrets import KubeletSpec as KubeletSecretSpec

CURRENT = "kubelet-client-current.pem"
SERVING = ("kubelet.crt", "kubelet.key")
NODES = "system:nodes"
REQUESTS = Kind("certificates.k8s.io/v1", "CertificateSigningRequest", "certificatesigningrequests", False)
ANSWER_TIMEOUT_S = 60.0


def user_name(nodename: str) -> str:
    """The user that the node authorizer takes for this node."""
    return f"system:node:{nodename}"


def usable(env: NodeEnvironment, nodename: str, authorities: list[bytes], now: datetime) -> bool:
    """Whether there is a client certificate of this node that the cluster accepts.

    Any life left will do: renewing is the kubelet's task, and one that runs must not lose what it works with.
    """
    try:
        pem = (env.path(PKI_DIR) / CURRENT).read_bytes()
        certificate = load_certificate(pem)
        names = [str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        trusted = any(issued_by(pem, authority) for authority in authorities)
        return names == [user_name(nodename)] and trusted and now < not_after(pem)
    except (FileNotFoundError, PKIError):
        return False


def distrusted(env: NodeEnvironment, authorities: list[bytes]) -> bool:
    """Whether there is a client certificate that comes from none of the authorities."""
    try:
        pem = (env.path(PKI_DIR) / CURRENT).read_bytes()
        return not any(issued_by(pem, authority) for authority in authorities)
    except FileNotFoundError:
        return False
    except PKIError:
        return True


def trusts(env: NodeEnvironment, ca: bytes) -> bool:
    """Whether the kubeconfig, which is written last, holds exactly these authorities."""
    try:
        return b64encode(ca) in env.path(KUBECONFIG).read_bytes()
    except FileNotFoundError:
        return False


def issue(env: NodeEnvironment, nodename: str, authority: Pair, now: datetime) -> None:
    """Issue the client certificate with the authority's own key."""
    pair = issue_pair(
        authority,
        common_name=user_name(nodename),
        organizations=[NODES],
        usage=Usage.CLIENT,
        key_encipherment=True,
        validity=CLIENT_VALIDITY,
        now=now,
    )
    _store(env, pair, now)


async def request(env: NodeEnvironment, nodename: str, now: datetime) -> None:
    """TLS bootstrap: request the client certificate with the bootstrap token and wait until it is issued.

    ConnectError and ApiError while the cluster is not there yet; PermissionError when the request was denied.
    Source: kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping.
    """
    key = keys.encode(keys.generate(Algorithm.ECDSA_P256))
    csr = new_request(key, common_name=user_name(nodename), organizations=[NODES])
    body = {
        "apiVersion": REQUESTS.api_version,
        "kind": REQUESTS.kind,
        "metadata": {"generateName": "csr-"},
        "spec": {
            "request": b64encode(csr).decode(),
            "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
            "usages": ["digital signature", "client auth"],
        },
    }
    async with Client.from_kubeconfig(env.path(BOOTSTRAP_KUBECONFIG).read_bytes()) as client:
        created = await client.request("POST", REQUESTS.path(), body=body)
        name = created["metadata"]["name"]
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            async for found in client.snapshots(REQUESTS, fields=f"metadata.name={name}"):
                status = (found.get(("", name)) or {}).get("status") or {}
                for condition in status.get("conditions") or ():
                    if condition["type"] in ("Denied", "Failed"):
                        raise PermissionError(f"certificate request {name}: {condition.get('message', 'denied')}")
                if status.get("certificate"):
                    _store(env, Pair(b64decode(status["certificate"]), key), now)
                    return


def ensure_serving(env: NodeEnvironment, nodename: str, now: datetime) -> None:
    """A self-signed pair for the kubelet's own API, where the kubelet would make one at its first start.

    Its own is an RSA key, which a small processor searches for a second or more; ours is the same thing with P-256.
    """
    certificate, key = (env.path(PKI_DIR) / name for name in SERVING)
    try:
        if key.exists() and now < not_after(certificate.read_bytes()):
            return
    except (FileNotFoundError, PKIError):
        pass
    authority = new_authority(f"{nodename}-ca", algorithm=Algorithm.ECDSA_P256, validity=CLIENT_VALIDITY, now=now)
    pair = issue_pair(
        authority, common_name=nodename, dns_names=[nodename], usage=Usage.SERVER, validity=CLIENT_VALIDITY, now=now
    )
    write_file(key, pair.key, mode=0o600)
    write_file(certificate, pair.crt + authority.crt, mode=0o644)


def _store(env: NodeEnvironment, pair: Pair, now: datetime) -> None:
    """Put a pair where the kubelet keeps its own: a dated file and a link to it."""
    directory = env.path(PKI_DIR)
    dated = directory / f"kubelet-client-{now:%Y-%m-%d-%H-%M-%S}.pem"
    write_file(dated, pair.crt + pair.key, mode=0o600)
    link = directory / f".{CURRENT}.new"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(PKI_DIR) / dated.name)
    link.replace(directory / CURRENT)


def write_kubeconfig(env: NodeEnvironment, secret: KubeletSecretSpec, ca: bytes) -> None:
    """The kubeconfig that the kubelet would write after its bootstrap, word for word."""
    current = f"{PKI_DIR}/{CURRENT}"
    cluster = {"certificate-authority-data": b64encode(ca).decode(), "server": secret.endpoint}
    if secret.endpoint_tls_server_name:
        cluster["tls-server-name"] = secret.endpoint_tls_server_name
    context = {"cluster": "default-cluster", "namespace": "default", "user": "default-auth"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "default-cluster", "cluster": cluster}],
        "contexts": [{"name": "default-context", "context": context}],
        "current-context": "default-context",
        "users": [{"name": "default-auth", "user": {"client-certificate": current, "client-key": current}}],
    }
    write_file(env.path(KUBECONFIG), dump(document).encode(), mode=0o600)


def forget(env: NodeEnvironment) -> None:
    """Remove an identity that the cluster would not accept: the kubelet would insist on it."""
    for path in (env.path(KUBECONFIG), env.path(PKI_DIR) / CURRENT):
        with suppress(FileNotFoundError):
            path.unlink()
