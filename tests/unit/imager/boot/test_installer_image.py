"""The image for registries: what the node looks for is found, by digest, and a second build gives the same bytes."""

from __future__ import annotations

import json
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from talos.imager.boot import installer_image
from talos.machined import image_payload


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "uki").write_bytes(b"MZ" + bytes(range(256)) * 5000)
    (tmp_path / "loader").write_bytes(b"MZ loader")
    out = tmp_path / "installer.tar"
    parts = {installer_image.UKI: tmp_path / "uki", installer_image.LOADER: tmp_path / "loader"}
    installer_image.build(out, parts, "v1.14.0", tmp_path)
    first = out.read_bytes()
    installer_image.build(out, dict(reversed(parts.items())), "v1.14.0", tmp_path)
    assert out.read_bytes() == first
    return out


async def test_the_node_finds_its_unified_kernel_image(built: Path, tmp_path: Path) -> None:
    content = tmp_path / "content"
    with tarfile.open(built) as tar:
        tar.extractall(content, filter="data")
    layout = json.loads((content / "oci-layout").read_text())
    assert layout == {"imageLayoutVersion": "1.0.0"}
    for blob in (content / "blobs/sha256").iterdir():
        assert sha256(blob.read_bytes()).hexdigest() == blob.name
    (described,) = json.loads((content / "index.json").read_text())["manifests"]
    found = image_payload._search(described["digest"], "x", image_payload.UKI_FILE, content / "blobs")
    assert b"".join([chunk async for chunk in found.chunks()]) == (tmp_path / "uki").read_bytes()
    manifest = json.loads((content / "blobs" / described["digest"].replace(":", "/")).read_text())
    config = json.loads((content / "blobs" / manifest["config"]["digest"].replace(":", "/")).read_text())
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
    assert (config["os"], config["architecture"]) == ("linux", "amd64")


def test_docker_reads_the_same(built: Path) -> None:
    with tarfile.open(built) as tar:
        names = set(tar.getnames())
        file = tar.extractfile("manifest.json")
        assert file is not None
        (image,) = json.load(file)
    assert image["RepoTags"] == ["talos/installer:v1.14.0"]
    assert {image["Config"], *image["Layers"]} <= names
