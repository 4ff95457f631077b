"""kubeconfig files: the one we write, and reading the few fields that a client of our own kubeconfigs needs.

Source of the format: kubernetes.io/docs/reference/config-api/kubeconfig.v1.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from talos.at_first_use import at_first_use

if TYPE_CHECKING:
    import yaml
else:
    yaml = at_first_use("yaml")


class Credentials(NamedTuple):
    """How to reach an API server and who to be there. Certificates and keys are PEM; one of key or token is set."""

    server: str
    ca: bytes
    certificate: bytes = b""
    key: bytes = b""
    token: str = ""
    server_name: str = ""


def admin_kubeconfig(
    *, cluster: str, user: str, server: str, ca: bytes, certificate: bytes, key: bytes, namespace: str = "default"
) -> str:
    """A kubeconfig with one cluster, one user and one context named ``user@cluster``."""
    name = f"{user}@{cluster}"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": cluster, "cluster": {"server": server, "certificate-authority-data": b64encode(ca).decode()}}
        ],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": b64encode(certificate).decode(),
                    "client-key-data": b64encode(key).decode(),
                },
            }
        ],
        "contexts": [{"context": {"cluster": cluster, "namespace": namespace, "user": name}, "name": name}],
        "current-context": name,
    }
    return dump(document)


def bootstrap_kubeconfig(*, server: str, server_name: str, ca: bytes, token: str) -> str:
    """The kubeconfig a kubelet uses once, to request its client certificate with a bootstrap token."""
    cluster: dict[str, Any] = {"server": server, "certificate-authority-data": b64encode(ca).decode()}
    if server_name:
        cluster["tls-server-name"] = server_name
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": "kubelet@local", "user": {"token": token}}],
        "contexts": [{"context": {"cluster": "local", "user": "kubelet@local"}, "name": "kubelet@local"}],
        "current-context": "kubelet@local",
    }
    return dump(document)


def dump(document: Any) -> str:
    """YAML as Kubernetes' own tools write it: keys sorted, block style."""
    return yaml.safe_dump(document, default_flow_style=False, sort_keys=True, allow_unicode=True, width=1 << 20)


def parse(text: str | bytes, *, source: str = "kubeconfig") -> Credentials:
    """The credentials of the current context. Files it names (the kubelet's rotating certificate) are read now.

    Raises ValueError that names the missing part, FileNotFoundError for a file that does not exist yet.
    """
    document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(document, dict):
        raise ValueError(f"{source}: not a mapping")
    context = _named(document, "contexts", document.get("current-context", ""), "context", source)
    cluster = _named(document, "clusters", context.get("cluster", ""), "cluster", source)
    user = _named(document, "users", context.get("user", ""), "user", source)
    return Credentials(
        server=cluster["server"],
        ca=_material(cluster, "certificate-authority"),
        certificate=_material(user, "client-certificate"),
        key=_material(user, "client-key"),
        token=user.get("token") or _token_file(user),
        server_name=cluster.get("tls-server-name", ""),
    )


def _named(document: dict[str, Any], section: str, name: str, key: str, source: str) -> dict[str, Any]:
    for entry in document.get(section) or ():
        if entry.get("name") == name:
            found: dict[str, Any] = entry[key]
            return found
    raise ValueError(f"{source}: {section} has no entry {name!r}")


def _material(section: dict[str, Any], key: str) -> bytes:
    if data := section.get(f"{key}-data"):
        return b64decode(data)
    if path := section.get(key):
        return Path(path).read_bytes()
    return b""


def _token_file(user: dict[str, Any]) -> str:
    path = user.get("tokenFile")
    return Path(path).read_text().strip() if path else ""
