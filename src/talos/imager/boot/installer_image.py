"""The image that registries hold for `talosctl upgrade --image` and for installations without a medium: one layer with
the unified kernel image and the boot loader, where Talos' installer images have them.

An archive that is an OCI image layout and what `docker load` reads at once (OCI Image Format Specification, image
layout; docker's manifest.json), so that skopeo, crane, docker and podman take it. Not compressed: what is in it is.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from talos.imager.squashfs import epoch

ARCHITECTURE = "amd64"
FOLDER = f"usr/install/{ARCHITECTURE}"
UKI, LOADER = "vmlinuz.efi", "systemd-boot.efi"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


def build(out: Path, files: Mapping[str, Path], version: str, work: Path) -> None:
    """Writes `out`. files: name below usr/install/amd64 → file."""
    layer = work / "installer.layer"
    with tarfile.open(layer, "w", format=tarfile.USTAR_FORMAT) as tar:
        for folder in ("usr", "usr/install", FOLDER):
            tar.addfile(_entry(folder, tarfile.DIRTYPE, 0o755))
        for name, path in sorted(files.items()):
            with path.open("rb") as file:
                tar.addfile(_entry(f"{FOLDER}/{name}", tarfile.REGTYPE, 0o644, path.stat().st_size), file)
    with layer.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    created = datetime.fromtimestamp(epoch(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = {"org.opencontainers.image.title": "talos installer", "org.opencontainers.image.version": version}
    config = _packed(
        {
            "created": created,
            "architecture": ARCHITECTURE,
            "os": "linux",
            "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created": created, "created_by": "talos.imager"}],
        }
    )
    described = {"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": layer.stat().st_size}
    manifest = _packed(
        {"schemaVersion": 2, "mediaType": _MANIFEST, "config": _descriptor(_CONFIG, config), "layers": [described]}
    )
    platform = {"architecture": ARCHITECTURE, "os": "linux"}
    index = _packed(
        {
            "schemaVersion": 2,
            "mediaType": _INDEX,
            "manifests": [
                {
                    **_descriptor(_MANIFEST, manifest),
                    "platform": platform,
                    "annotations": {"org.opencontainers.image.ref.name": version},
                }
            ],
        }
    )
    docker = [
        {
            "Config": f"blobs/sha256/{sha256(config).hexdigest()}",
            "RepoTags": [f"talos/installer:{version}"],
            "Layers": [f"blobs/sha256/{digest}"],
        }
    ]
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in (
            ("oci-layout", _packed({"imageLayoutVersion": "1.0.0"})),
            ("index.json", index),
            ("manifest.json", _packed(docker)),
            (f"blobs/sha256/{sha256(config).hexdigest()}", config),
            (f"blobs/sha256/{sha256(manifest).hexdigest()}", manifest),
        ):
            tar.addfile(_entry(name, tarfile.REGTYPE, 0o644, len(data)), io.BytesIO(data))
        with layer.open("rb") as file:
            tar.addfile(_entry(f"blobs/sha256/{digest}", tarfile.REGTYPE, 0o644, layer.stat().st_size), file)
    layer.unlink()


def _entry(name: str, kind: bytes, mode: int, size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size, info.mtime = kind, mode, size, epoch()
    return info


def _packed(data: Any) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def _descriptor(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{sha256(data).hexdigest()}", "size": len(data)}
