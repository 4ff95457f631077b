"""The figures of an image: size by part, digest, versions, executables."""

from __future__ import annotations

import json
import tempfile
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from talos import versions
from talos.imager import allowlist, squashfs
from talos.imager.debian import CACHE, Pin
from talos.imager.errors import ImageError
from talos.imager.tree import Tree


def compressed_sizes(tree: Tree, image: Path, level: int) -> dict[str, int]:
    """Part → bytes in the image.

    Each part is packed alone at the image's own settings, once (a cache knows those that did not change). The largest
    is what is left of the image: packing it again would double the time of a build.
    """
    sizes: dict[str, int] = {}
    parts = tree.by_part()
    largest = max(parts, key=lambda part: sum((tree.root / path).stat().st_size for path in parts[part]))
    folder = CACHE / "sizes"
    folder.mkdir(parents=True, exist_ok=True)
    for part, paths in parts.items():
        if part == largest:
            continue
        total = sha256(f"{level} {squashfs.BLOCK}".encode())
        for path in paths:
            with (tree.root / path).open("rb") as file:
                total.update(path.encode() + file_digest(file, "sha256").digest())
        known = folder / total.hexdigest()
        if not known.exists():
            with tempfile.TemporaryDirectory(prefix="part-", dir=tree.root.parent) as name:
                for path in paths:
                    target = Path(name, "tree", path)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.hardlink_to(tree.root / path)
                squashfs.pack(Path(name, "tree"), Path(name, "image"), level)
                known.write_text(str(Path(name, "image").stat().st_size))
        sizes[part] = int(known.read_text())
    sizes[largest] = image.stat().st_size - sum(sizes.values())
    return sizes


def describe(
    tree: Tree, image: Path, level: int, pins: dict[str, Pin], wheels: dict[str, tuple[str, str]], version: str
) -> dict[str, Any]:
    """The content of manifest.json. Sizes are bytes."""
    compressed = compressed_sizes(tree, image, level)
    found = allowlist.executables(tree.root)
    with image.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return {
        "image": image.name,
        "sha256": digest,
        "bytes": image.stat().st_size,
        "compression": f"squashfs zstd -{level}, {squashfs.BLOCK // 1024} KiB blocks",
        "executables": {"files": len(set(found.values())), "names": len(found)},
        "parts": {
            part: {
                "files": len(paths),
                "bytes": sum((tree.root / path).stat().st_size for path in paths),
                "compressed": compressed[part],
            }
            for part, paths in tree.by_part().items()
        },
        "versions": {
            "talos": version,
            "kubernetes": versions.DEFAULT_KUBERNETES_VERSION,
            "etcd": versions.ETCD_VERSION,
            "coredns": versions.COREDNS_VERSION,
            "flannel": versions.FLANNEL_VERSION,
            "containerd": versions.CONTAINERD_VERSION,
            "runc": versions.RUNC_VERSION,
            "debian": {name: pin.version for name, pin in sorted(pins.items())},
            "python": {name: version for name, (version, _) in sorted(wheels.items())},
        },
    }


def load(folder: Path) -> dict[str, Any]:
    """manifest.json of a built image."""
    try:
        data: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    except FileNotFoundError as error:
        raise ImageError(f"{folder} holds no manifest.json; `make image` builds the image") from error
    return data


def table(manifest: dict[str, Any]) -> str:
    """The parts, largest first, in MB, as people read it."""
    rows = sorted(manifest["parts"].items(), key=lambda row: -row[1]["compressed"])
    lines = [f"{'part':<52}{'files':>6}{'MB':>9}{'packed':>9}"]
    lines += [f"{n:<52}{p['files']:>6}{p['bytes'] / 1e6:>9.2f}{p['compressed'] / 1e6:>9.2f}" for n, p in rows]
    lines.append(f"{manifest['image']:<58}{'':>9}{manifest['bytes'] / 1e6:>9.2f}")
    counts = manifest["executables"]
    lines.append(f"{counts['files']} executable files under {counts['names']} names")
    return "\n".join(lines)
