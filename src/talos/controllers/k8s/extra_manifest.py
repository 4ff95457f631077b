"""The user's manifests as resources. Those given by URL are fetched once, when the network is up."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import yaml

from talos.controllers.publish import always
from talos.resources.k8s import ExtraManifest, ExtraManifestsConfigSpec, ManifestSpec
from talos.resources.network import StatusSpec as NetworkStatusSpec
from talos.state import SHARED, Controller, Input, Output, Runtime

MAX_BYTES = 16 << 20
TIMEOUT_S = 30.0
RETRY_S = 10.0

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ExtraManifestController(Controller):
    """ExtraManifestsConfig, NetworkStatus -> Manifests ``<priority>-<name>``."""

    name = "k8s.ExtraManifestController"
    inputs = (Input(ExtraManifestsConfigSpec, id="extra-manifests"), Input(NetworkStatusSpec, id="status"))
    outputs = (Output(ManifestSpec, SHARED),)

    def __init__(self) -> None:
        self._fetched: dict[str, list[dict[str, Any]]] = {}

    async def reconcile(self, rt: Runtime) -> None:
        config = await rt.get_or_none(ExtraManifestsConfigSpec, "extra-manifests")
        network = await rt.get_or_none(NetworkStatusSpec, "status")
        ids = []
        for manifest in config.spec.extra_manifests if config is not None else ():
            manifest_id = f"{manifest.priority}-{manifest.name}"
            ids.append(manifest_id)
            if manifest.url and not (network is not None and network.spec.connectivity_ready):
                continue
            try:
                items = await self._items(manifest)
            except (OSError, ValueError, yaml.YAMLError) as error:
                rt.log.error("extra manifest %s: %s; trying again in %d s", manifest.name, error, RETRY_S)
                rt.requeue_after(RETRY_S)
                continue
            await rt.modify(ManifestSpec, manifest_id, always(ManifestSpec(items=items)))
        await rt.keep_only(ManifestSpec, ids)

    async def _items(self, manifest: ExtraManifest) -> list[dict[str, Any]]:
        if manifest.inline_manifest:
            return objects(manifest.inline_manifest, manifest.name)
        if manifest.url not in self._fetched:
            text = await asyncio.to_thread(_fetch, manifest.url, manifest.extra_headers)
            self._fetched[manifest.url] = objects(text, manifest.url)
        return self._fetched[manifest.url]


def objects(text: str | bytes, source: str) -> list[dict[str, Any]]:
    """Kubernetes objects of a YAML text, lists taken apart. ValueError for what is no object."""
    found: list[dict[str, Any]] = []
    for document in yaml.load_all(text, Loader=_Loader):
        if document is None:
            continue
        if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
            raise ValueError(f"{source}: a document is no Kubernetes object: it lacks apiVersion or kind")
        if document["kind"] == "List":
            found += document.get("items") or []
        else:
            found.append(document)
    for item in found:
        if not (item.get("metadata") or {}).get("name"):
            raise ValueError(f"{source}: a {item.get('kind')} has no metadata.name")
    return found


def _fetch(url: str, headers: Mapping[str, str]) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url}: only http and https are supported")
    request = urllib.request.Request(url, headers=dict(headers))
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        body: bytes = answer.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise ValueError(f"{url}: larger than {MAX_BYTES} bytes")
    return body
