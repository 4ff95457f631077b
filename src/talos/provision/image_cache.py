"""Images for nodes that reach no registry: `talosctl image cache-serve` on the address that this host has in the
cluster (--image-cache-path). The nodes ask it first, for images of every registry. It goes with the cluster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talos.provision import companion
from talos.provision.model import ClusterDirectory, ClusterModel, ProvisionError, host_port

EVERY = "*"
"""mirrors of this registry are asked for images of each one that has no mirrors of its own"""


@dataclass(frozen=True, slots=True)
class ServedCache:
    """What is served, where, and with which certificate."""

    path: Path
    port: int = 5000
    certificate: Path | None = None
    key: Path | None = None

    def url(self, gateway: str) -> str:
        """Where nodes find it."""
        return f"{'https' if self.certificate else 'http'}://{host_port(gateway, self.port)}"


def check(cache: ServedCache, gateway: str) -> None:
    """Before anything is made. ProvisionError names the flag."""
    if not (cache.path / "manifests").is_dir():
        hint = ": it is an OCI layout, make it with --layout flat" if (cache.path / "oci-layout").exists() else ""
        raise ProvisionError(
            f"--image-cache-path: {cache.path} is no flat cache of images{hint}"
            f"{'' if hint else ', `talosctl image cache-create --layout flat` makes one'}"
        )
    if bool(cache.certificate) != bool(cache.key):
        raise ProvisionError("--image-cache-tls-cert-file and --image-cache-tls-key-file belong together")
    if cache.certificate is None or cache.key is None:
        return
    from talos.imagecache import served
    from talos.imagecache.layout import CacheError
    from talos.imagecache.server import tls_context

    try:
        tls_context(cache.certificate, cache.key)
    except CacheError as error:
        raise ProvisionError(f"--image-cache-tls-cert-file: {error}") from error
    if gateway not in (names := served.names("", cache.certificate)):
        raise ProvisionError(
            f"--image-cache-tls-cert-file: {cache.certificate} is for {', '.join(names)}, the nodes find the cache at "
            f"{gateway}: `talosctl image cache-cert-gen --advertised-address {gateway}` makes one for it"
        )


def documents(cache: ServedCache, gateway: str, registries: Iterable[str] = ()) -> list[dict[str, Any]]:
    """What nodes must know. registries: those that have hosts of their own, for which no mirror of every one counts."""
    found: list[dict[str, Any]] = [
        {"kind": "RegistryMirrorConfig", "name": name, "endpoints": [{"url": cache.url(gateway)}]}
        for name in dict.fromkeys((EVERY, *registries))
    ]
    if cache.certificate is not None:
        from talos.imagecache import served

        if authority := served.authority(cache.certificate):
            found.append({"kind": "RegistryTLSConfig", "name": host_port(gateway, cache.port), "ca": authority})
    return found


def start(directory: ClusterDirectory, model: ClusterModel, cache: ServedCache) -> None:
    """Returns when it listens. ProvisionError."""
    words = ["image", "cache-serve", "--image-cache-path", str(cache.path.absolute())]
    words += ["--address", host_port(model.gateway, cache.port)]
    if cache.certificate is not None and cache.key is not None:
        words += ["--tls-cert-file", str(cache.certificate.absolute()), "--tls-key-file", str(cache.key.absolute())]
    listens = (model.gateway, cache.port)
    companion.serve("--image-cache-path: the cache", words, listens, directory.image_cache, directory.image_cache_log)


def kill(directory: ClusterDirectory) -> None:
    """End it, if it runs."""
    companion.end_recorded(directory.image_cache)
