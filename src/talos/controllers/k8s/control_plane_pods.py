"""Static pods of the control plane: pure functions from rendered arguments to Pod objects.

The memory requests keep the scheduler from filling a control plane node; there is no limit, because a control plane
that is killed for memory takes the cluster with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from talos.controllers.k8s.control_plane_arguments import (
    API_SERVER_CONFIG,
    API_SERVER_SECRETS,
    AUDIT_LOG_DIR,
    CONTROLLER_MANAGER_SECRETS,
    SCHEDULER_CONFIG,
    SCHEDULER_SECRETS,
)

API_SERVER_UID = 65534
CONTROLLER_MANAGER_UID = 65535
SCHEDULER_UID = 65536
MEMORY_LIMIT_SHARE = 0.95  # of a container's memory limit that Go's collector may fill

Pod = dict[str, Any]


class Mount(NamedTuple):
    """A host directory, or memory when ``host_path`` is empty, in the container."""

    name: str
    path: str
    host_path: str
    read_only: bool


class Settings(NamedTuple):
    """What the configuration says about a component, apart from its arguments."""

    image: str
    env: Mapping[str, str] = {}
    requests: Mapping[str, Any] = {}
    limits: Mapping[str, Any] = {}
    mounts: Sequence[Mount] = ()


def api_server_pod(
    settings: Settings,
    command: Sequence[str],
    *,
    port: int,
    config_version: str,
    config_file_version: str,
    secrets_version: str,
    startup_probe: bool = True,
) -> Pod:
    """Pod kube-apiserver."""
    startup = {"failureThreshold": 24, "initialDelaySeconds": 10, "periodSeconds": 10}
    probes = {
        "livenessProbe": _probe("/livez", port, failureThreshold=8, initialDelaySeconds=10, periodSeconds=10),
        "readinessProbe": _probe("/readyz", port, failureThreshold=3, periodSeconds=1),
        **({"startupProbe": _probe("/livez", port, **startup)} if startup_probe else {}),
    }
    mounts = [
        Mount("secrets", API_SERVER_SECRETS, API_SERVER_SECRETS, True),
        Mount("config", API_SERVER_CONFIG, API_SERVER_CONFIG, True),
        Mount("audit", AUDIT_LOG_DIR, AUDIT_LOG_DIR, False),
    ]
    pod = _pod(
        "kube-apiserver",
        settings,
        command,
        uid=API_SERVER_UID,
        cpu="200m",
        memory="512Mi",
        mounts=mounts,
        probes=probes,
        capabilities=("NET_BIND_SERVICE",),
    )
    pod["metadata"]["annotations"] = {
        "talos.dev/config-file-version": config_file_version,
        "talos.dev/config-version": config_version,
        "talos.dev/secrets-version": secrets_version,
    }
    return pod


def controller_manager_pod(
    settings: Settings, command: Sequence[str], *, config_version: str, secrets_version: str
) -> Pod:
    """Pod kube-controller-manager."""
    probes = {
        "livenessProbe": _probe("/healthz", 10257),
        "startupProbe": _probe("/healthz", 10257, failureThreshold=12, periodSeconds=5),
    }
    pod = _pod(
        "kube-controller-manager",
        settings,
        command,
        uid=CONTROLLER_MANAGER_UID,
        cpu="50m",
        memory="256Mi",
        mounts=[Mount("secrets", CONTROLLER_MANAGER_SECRETS, CONTROLLER_MANAGER_SECRETS, True)],
        probes=probes,
    )
    pod["metadata"]["annotations"] = {
        "talos.dev/config-version": config_version,
        "talos.dev/secrets-version": secrets_version,
    }
    return pod


def scheduler_pod(settings: Settings, command: Sequence[str], *, config_version: str, secrets_version: str) -> Pod:
    """Pod kube-scheduler."""
    probes = {
        "livenessProbe": _probe("/livez", 10259),
        "readinessProbe": _probe("/readyz", 10259),
        "startupProbe": _probe("/livez", 10259, failureThreshold=12, periodSeconds=5),
    }
    mounts = [
        Mount("secrets", SCHEDULER_SECRETS, SCHEDULER_SECRETS, True),
        Mount("config", SCHEDULER_CONFIG, SCHEDULER_CONFIG, True),
    ]
    pod = _pod(
        "kube-scheduler", settings, command, uid=SCHEDULER_UID, cpu="10m", memory="64Mi", mounts=mounts, probes=probes
    )
    pod["metadata"]["annotations"] = {
        "talos.dev/config-version": config_version,
        "talos.dev/secrets-version": secrets_version,
    }
    return pod


def _pod(
    name: str,
    settings: Settings,
    command: Sequence[str],
    *,
    uid: int,
    cpu: str,
    memory: str,
    mounts: Sequence[Mount],
    probes: Mapping[str, Any],
    capabilities: Sequence[str] = (),
) -> Pod:
    all_mounts = [*mounts, Mount("tmp", "/tmp", "", False), Mount("run", "/var/run/kubernetes", "", False)]
    all_mounts += settings.mounts
    security: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], **({"add": list(capabilities)} if capabilities else {})},
        "readOnlyRootFilesystem": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container: dict[str, Any] = {
        "name": name,
        "image": settings.image,
        "command": list(command),
        "env": _environment(settings),
        "resources": _resources(settings, cpu, memory),
        "securityContext": security,
        "volumeMounts": [
            {"name": m.name, "mountPath": m.path, **({"readOnly": True} if m.read_only else {})} for m in all_mounts
        ],
        **probes,
    }
    volumes: list[dict[str, Any]] = [
        {"name": m.name, "hostPath": {"path": m.host_path}}
        if m.host_path
        else {"name": m.name, "emptyDir": {"medium": "Memory"}}
        for m in all_mounts
    ]
    labels = {
        "tier": "control-plane",
        "k8s-app": name,
        "component": name,
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": "control-plane",
        "app.kubernetes.io/managed-by": "Talos",
    }
    if version := _label_version(settings.image):
        labels["app.kubernetes.io/version"] = version
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "kube-system", "labels": labels},
        "spec": {
            "priorityClassName": "system-cluster-critical",
            "priority": 2000000000,
            "hostNetwork": True,
            "securityContext": {"runAsNonRoot": True, "runAsUser": uid, "runAsGroup": uid},
            "containers": [container],
            "volumes": volumes,
        },
        "status": {},
    }


def _probe(path: str, port: int, **settings: int) -> dict[str, Any]:
    get = {"host": "localhost", "path": path, "port": port, "scheme": "HTTPS"}
    return {"httpGet": get, "timeoutSeconds": 15, **settings}


def _environment(settings: Settings) -> list[dict[str, Any]]:
    env: list[dict[str, Any]] = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    env += [{"name": name, "value": value} for name, value in sorted(settings.env.items())]
    if (limit := _bytes(settings.limits.get("memory"))) and "GOMEMLIMIT" not in settings.env:
        env.append({"name": "GOMEMLIMIT", "value": str(int(limit * MEMORY_LIMIT_SHARE))})
    return env


def _resources(settings: Settings, cpu: str, memory: str) -> dict[str, Any]:
    requests = {k: str(v) for k, v in settings.requests.items() if v not in ("", None)}
    limits = {k: str(v) for k, v in settings.limits.items() if v not in ("", None)}
    resources: dict[str, Any] = {"requests": {"cpu": cpu, "memory": memory, **requests}}
    if limits:
        resources["limits"] = limits
    return resources


_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "k": 10**3, "M": 10**6, "G": 10**9}


def _bytes(quantity: Any) -> int:
    """Bytes of a memory quantity in the common units; 0 when it is absent or written in another way."""
    text = str(quantity or "")
    for unit, factor in _UNITS.items():
        if text.endswith(unit) and text[: -len(unit)].replace(".", "", 1).isdigit():
            return int(float(text[: -len(unit)]) * factor)
    return int(text) if text.isdigit() else 0


def _label_version(image: str) -> str:
    """The image's tag without ``v`` and pre-release, as far as it is a version."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2].removeprefix("v")
    return tag.partition("-")[0] if tag[:1].isdigit() else ""
