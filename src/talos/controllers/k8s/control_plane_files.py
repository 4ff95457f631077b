"""Files of the control plane's static pods: pure functions from secrets and configuration to file contents.

Each pod has a directory of secrets and, some, one of configuration, owned by the user it runs as, mode 0400. They are
YAML as Kubernetes' own tools write it (keys sorted).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from talos.controllers.k8s.control_plane_arguments import (
    API_SERVER_CONFIG,
    API_SERVER_SECRETS,
    CONTROLLER_MANAGER_SECRETS,
    SCHEDULER_CONFIG,
    SCHEDULER_SECRETS,
)
from talos.controllers.k8s.control_plane_pods import API_SERVER_UID, CONTROLLER_MANAGER_UID, SCHEDULER_UID
from talos.kubernetes.kubeconfig import dump


class Directory(NamedTuple):
    """A directory of rendered files, each 0400 and owned by ``uid``."""

    path: str
    uid: int
    files: Mapping[str, bytes]


def admission_control(plugins: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """AdmissionConfiguration with (plugin name, its configuration)."""
    return dump(
        {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AdmissionConfiguration",
            "plugins": [{"name": name, "path": "", "configuration": dict(config)} for name, config in plugins],
        }
    )


def authorization(authorizers: Sequence[tuple[str, str, Mapping[str, Any]]]) -> str:
    """AuthorizationConfiguration (KEP-3221) with (type, name, webhook settings)."""
    entries: list[dict[str, Any]] = []
    for kind, name, webhook in authorizers:
        entries.append({"type": kind, "name": name, **({"webhook": dict(webhook)} if webhook else {})})
    return dump(
        {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthorizationConfiguration", "authorizers": entries}
    )


def scheduler_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """KubeSchedulerConfiguration: the user's, with version, kind and credentials filled in."""
    connection = dict(config.get("clientConnection") or {})
    connection["kubeconfig"] = f"{SCHEDULER_SECRETS}/kubeconfig"
    return {
        **config,
        "apiVersion": config.get("apiVersion", "kubescheduler.config.k8s.io/v1"),
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": connection,
    }


def encryption_config(config: Mapping[str, Any], *, secretbox: str = "", aescbc: str = "") -> str:
    """EncryptionConfig of Secrets at rest: the document's own, or of the older layout's single secret.

    The legacy layout writes ``identity`` last, so that Secrets from before encryption stay readable.
    """
    if config:
        return dump({"apiVersion": "v1", "kind": "EncryptionConfig", **config})
    provider = "secretbox" if secretbox else "aescbc"
    secret = secretbox or aescbc
    providers: list[dict[str, Any]] = []
    if secret:
        name = "key2" if secretbox else "key1"
        providers.append({provider: {"keys": [{"name": name, "secret": secret}]}})
    providers.append({"identity": {}})
    return dump(
        {
            "apiVersion": "v1",
            "kind": "EncryptionConfig",
            "resources": [{"resources": ["secrets"], "providers": providers}],
        }
    )


def api_server_secrets(files: Mapping[str, bytes]) -> Directory:
    """kube-apiserver: etcd client, CA, server and kubelet client pairs, service account, front proxy, encryption."""
    return Directory(API_SERVER_SECRETS, API_SERVER_UID, files)


def controller_manager_secrets(files: Mapping[str, bytes]) -> Directory:
    """kube-controller-manager: signing CA, service account key, kubeconfig."""
    return Directory(CONTROLLER_MANAGER_SECRETS, CONTROLLER_MANAGER_UID, files)


def scheduler_secrets(files: Mapping[str, bytes]) -> Directory:
    """kube-scheduler: kubeconfig."""
    return Directory(SCHEDULER_SECRETS, SCHEDULER_UID, files)


def api_server_config(files: Mapping[str, bytes]) -> Directory:
    """kube-apiserver: admission, audit, authentication and authorization."""
    return Directory(API_SERVER_CONFIG, API_SERVER_UID, files)


def scheduler_config_files(files: Mapping[str, bytes]) -> Directory:
    """kube-scheduler: its configuration file."""
    return Directory(SCHEDULER_CONFIG, SCHEDULER_UID, files)


__all__ = [
    "Directory",
    "admission_control",
    "api_server_config",
    "api_server_secrets",
    "authorization",
    "controller_manager_secrets",
    "encryption_config",
    "scheduler_config",
    "scheduler_config_files",
    "scheduler_secrets",
]
