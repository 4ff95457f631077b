"""Where the credentials of a new cluster go: the files a person named, or the usual places, merged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from talos.client import TalosConfig
from talos.client.config import default_path

if TYPE_CHECKING:
    from talos.provision.create import CreatedCluster


def hand_over(
    created: CreatedCluster, talosconfig_file: Path | None, kubeconfig_file: Path | None, skip_kubeconfig: bool
) -> None:
    """Write or merge talosconfig and kubeconfig."""
    if created.talosconfig:
        # One node, since most commands take one: --nodes names the others.
        _talosconfig(created.talosconfig, [created.model.control_planes[0].address], talosconfig_file)
    if created.kubeconfig is not None:
        if kubeconfig_file is not None:
            from talos.provision.model import write_atomic

            kubeconfig_file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(kubeconfig_file, created.kubeconfig)
        elif not skip_kubeconfig:
            _merge_kubeconfig(created.kubeconfig, Path.home() / ".kube" / "config")


def _talosconfig(text: str, nodes: list[str], destination: Path | None) -> None:
    new = TalosConfig.parse(text)
    for context in new.contexts.values():
        context.nodes = nodes
    if destination is not None:
        new.save(destination)
        return
    path = default_path()
    existing = TalosConfig.load(path) if path.exists() else TalosConfig()
    # A cluster of that name that is gone left a context behind: take its place instead of numbering.
    for name in new.contexts:
        existing.contexts.pop(name, None)
    existing.merge(new)
    existing.save(path)


def _merge_kubeconfig(text: str, path: Path) -> None:
    import yaml

    from talos.provision.model import write_atomic

    new = yaml.safe_load(text)
    try:
        existing = yaml.safe_load(path.read_text()) or {}
    except FileNotFoundError:
        existing = {"apiVersion": "v1", "kind": "Config", "preferences": {}}
    except (OSError, yaml.YAMLError) as error:
        print(f"the kubeconfig was not merged into {path}: {error}", file=sys.stderr)
        return
    for key in ("clusters", "users", "contexts"):
        names = {item["name"] for item in new[key]}
        existing[key] = [item for item in existing.get(key) or [] if item["name"] not in names] + new[key]
    existing["current-context"] = new["current-context"]
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomic(path, yaml.safe_dump(existing, sort_keys=False))
