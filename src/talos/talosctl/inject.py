"""talosctl inject: add to Kubernetes manifests what a workload needs to use the Talos API."""

from __future__ import annotations

from typing import Any

import click

from talos.talosctl.options import ClientGroup, Command, ListOption

_API = "talos.dev/v1alpha1"
_MOUNT = "/var/run/secrets/talos.dev"
_TEMPLATES = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


@click.group(cls=ClientGroup)
def inject() -> None:
    """Add what a workload needs to Kubernetes manifests."""


@inject.command(cls=Command)
@click.option("-f", "--file", "path", default="", metavar="FILE", help="manifests; - reads standard input")
@click.option("-r", "--roles", cls=ListOption, default=["os:reader"], metavar="ROLE,...", help="[default: os:reader]")
def serviceaccount(path: str, roles: list[str]) -> None:
    """Give workloads access to the Talos API: a Talos service account for each, its secret mounted.

    Prints the manifests: talosctl inject serviceaccount -f app.yaml --roles os:reader | kubectl apply -f -
    """
    import yaml

    from talos.talosctl.gen.files import read_file

    if not path:
        raise click.UsageError("name the manifests with --file")
    try:
        documents = [d for d in yaml.safe_load_all(read_file(path, "the manifests")) if d is not None]
        print(yaml.safe_dump_all(injected(documents, roles), sort_keys=False), end="")
    except yaml.YAMLError as error:
        raise click.ClickException(f"{path} is not YAML: {' '.join(str(error).split())}") from error


inject.aliases["tsa"] = "serviceaccount"


def injected(documents: list[Any], roles: list[str]) -> list[Any]:
    """The documents with access; ClickException if none of them is a workload."""
    result, accounts = [], 0
    for document in documents:
        template = _template(document)
        if template is not None:
            name = f"{document['metadata']['name']}-talos-secrets"
            _mount(template.setdefault("spec", {}), name)
            metadata = {"name": name}
            if namespace := document["metadata"].get("namespace"):
                metadata["namespace"] = namespace
            result.append(
                {"apiVersion": _API, "kind": "ServiceAccount", "metadata": metadata, "spec": {"roles": roles}}
            )
            accounts += 1
        result.append(document)
    if not accounts:
        raise click.ClickException(f"there is no workload in the manifests ({', '.join(_TEMPLATES)})")
    return result


def _template(document: Any) -> dict[str, Any] | None:
    if not isinstance(document, dict) or document.get("kind") not in _TEMPLATES:
        return None
    found: Any = document
    for key in _TEMPLATES[document["kind"]]:
        found = found.setdefault(key, {})
    return found if isinstance(found, dict) and (document.get("metadata") or {}).get("name") else None


def _mount(spec: dict[str, Any], name: str) -> None:
    volumes = [v for v in spec.get("volumes") or [] if v.get("name") != "talos-secrets"]
    spec["volumes"] = [*volumes, {"name": "talos-secrets", "secret": {"secretName": name}}]
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        mounts = [m for m in container.get("volumeMounts") or [] if m.get("name") != "talos-secrets"]
        container["volumeMounts"] = [*mounts, {"name": "talos-secrets", "mountPath": _MOUNT}]
